/** Angles of rotary positions (Su et al. 2021; spec MODEL §5), in float32 as the reference computes them. */

export type RotaryScaling =
  | { readonly kind: 'none' }
  /** Positions are divided by `factor`. */
  | { readonly kind: 'linear'; readonly factor: number }
  /** The base grows with the length, once that passes what the model was trained on. */
  | { readonly kind: 'dynamic'; readonly factor: number; readonly trainedLength: number };

export interface RotaryConfig {
  readonly headDim: number;
  readonly theta: number;
  readonly scaling: RotaryScaling;
}

/** Cosines and sines of consecutive positions, each [positions, headDim / 2]. */
export interface RotaryAngles {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

/**
 * Angles of positions `from` ≤ p < `to` in a sequence that is `length` tokens long by the end of
 * this step. Under dynamic scaling later steps use a larger base, while keys already in the cache
 * keep the rotation of their own step: this is what the published code does (spec CHAT §6.3a).
 */
export function rotaryAngles(
  config: RotaryConfig,
  from: number,
  to: number,
  length: number,
): RotaryAngles {
  return anglesAt(inverseFrequencies(config.headDim, thetaAt(config, length)), config, from, to);
}

function anglesAt(
  frequencies: Float32Array,
  { scaling }: RotaryConfig,
  from: number,
  to: number,
): RotaryAngles {
  const half = frequencies.length;
  const cos = new Float32Array((to - from) * half);
  const sin = new Float32Array((to - from) * half);
  for (let position = from, at = 0; position < to; position++) {
    const scaled = scaledPosition(position, scaling);
    for (let i = 0; i < half; i++, at++) {
      const angle = Math.fround(scaled * frequencies[i]!);
      cos[at] = Math.cos(angle);
      sin[at] = Math.sin(angle);
    }
  }
  return { cos, sin };
}

/** Gives angles to the tokens of one model's sequences. */
export interface RotaryPositions {
  /** Angles of positions `from` ≤ p < `to` of a sequence of `length` tokens. */
  angles(from: number, to: number, length: number): RotaryAngles;
  /** The base that a sequence of `length` tokens would get now. */
  theta(length: number): number;
}

/**
 * With `sticky` the longest sequence seen so far decides, as in the published code, where a long
 * request changes the answers to later short ones until the process ends (spec MODEL §5). Without,
 * each sequence is on its own.
 */
export function rotaryPositions(
  config: RotaryConfig,
  { sticky = false }: { readonly sticky?: boolean } = {},
): RotaryPositions {
  let longest = 0;
  const thetaOf = (length: number) => thetaAt(config, sticky ? Math.max(longest, length) : length);
  /** Those of the last base: from step to step it is mostly the same. */
  let known = {
    theta: config.theta,
    frequencies: inverseFrequencies(config.headDim, config.theta),
  };
  return {
    angles(from, to, length) {
      longest = Math.max(longest, length);
      const theta = thetaOf(length);
      if (theta !== known.theta)
        known = { theta, frequencies: inverseFrequencies(config.headDim, theta) };
      return anglesAt(known.frequencies, config, from, to);
    },
    theta: thetaOf,
  };
}

/** The base for a sequence of `length` tokens; only dynamic scaling makes it depend on that. */
export function thetaAt({ headDim, theta, scaling }: RotaryConfig, length: number): number {
  if (scaling.kind !== 'dynamic' || length <= scaling.trainedLength) return theta;
  const { factor, trainedLength } = scaling;
  return theta * ((factor * length) / trainedLength - (factor - 1)) ** (headDim / (headDim - 2));
}

/** theta^(−2i / headDim), rounded to float32 where the reference rounds. */
export function inverseFrequencies(headDim: number, theta: number): Float32Array {
  return Float32Array.from({ length: headDim / 2 }, (_, i) => {
    return 1 / Math.fround(theta ** Math.fround((2 * i) / headDim));
  });
}

function scaledPosition(position: number, scaling: RotaryScaling): number {
  return scaling.kind === 'linear' ? Math.fround(position / scaling.factor) : position;
}

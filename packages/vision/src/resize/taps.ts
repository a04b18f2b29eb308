/** `bilinear` is what InternLM-XComposer-2.5 uses; `bicubic` (a = −0.5) what its square predecessors use. */
export type Filter = 'bilinear' | 'bicubic';

/** Weights carry 22 fractional bits, as Pillow's do (spec PREPROCESS §4). */
export const precisionBits = 22;

/** Which source positions make each output position along one axis, and with what weights. */
export interface Taps {
  /** First source position of each output. */
  readonly starts: Int32Array;
  /** How many source positions each output reads. */
  readonly counts: Int32Array;
  /** Fixed-point weights, `width` an output; those beyond its count are zero. */
  readonly weights: Int32Array;
  readonly width: number;
}

/** The weights of Pillow's antialiasing resize along one axis (spec PREPROCESS §4). */
export function resizeTaps(from: number, to: number, filter: Filter): Taps {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const reach = supports[filter] * stretch;
  const width = Math.ceil(reach) * 2 + 1;
  const taps = {
    starts: new Int32Array(to),
    counts: new Int32Array(to),
    weights: new Int32Array(to * width),
    width,
  };
  for (let output = 0; output < to; output++) {
    const center = (output + 0.5) * scale;
    const start = Math.max(Math.trunc(center - reach + 0.5), 0);
    const end = Math.min(Math.trunc(center + reach + 0.5), from);
    const exact = shares(start - center + 0.5, end - start, stretch, filter);
    taps.starts[output] = start;
    taps.counts[output] = exact.length;
    taps.weights.set(exact.map(toFixedPoint), output * width);
  }
  return taps;
}

/** Filter values at `offset`, `offset + 1`, … as shares of their sum. */
function shares(offset: number, count: number, stretch: number, filter: Filter): Float64Array {
  const values = new Float64Array(count);
  // Pillow multiplies by the reciprocal; dividing rounds differently.
  const shrink = 1 / stretch;
  let sum = 0;
  for (let i = 0; i < count; i++) {
    values[i] = curves[filter]((i + offset) * shrink);
    sum += values[i]!;
  }
  return sum === 0 ? values : values.map((value) => value / sum);
}

/** Rounds half away from zero. */
function toFixedPoint(weight: number): number {
  const scaled = weight * 2 ** precisionBits;
  return Math.trunc(weight < 0 ? scaled - 0.5 : scaled + 0.5);
}

const supports = { bilinear: 1, bicubic: 2 } as const satisfies Record<Filter, number>;

const curves = { bilinear: triangle, bicubic: cubic } as const satisfies Record<
  Filter,
  (x: number) => number
>;

function triangle(x: number): number {
  return Math.max(1 - Math.abs(x), 0);
}

function cubic(x: number): number {
  const a = -0.5;
  const distance = Math.abs(x);
  if (distance < 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1;
  if (distance < 2) return (((distance - 5) * distance + 8) * distance - 4) * a;
  return 0;
}

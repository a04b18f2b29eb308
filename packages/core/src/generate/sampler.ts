import { checkSamplerOptions } from './check-options.ts';
import type { LogitsStep, StepContext } from './logits/logits-step.ts';
import { NoTokenLeftError } from './logits/no-token-left-error.ts';
import {
  filterSteps,
  type PenaltyOptions,
  penaltySteps,
  type SamplingOptions,
} from './logits/steps-of.ts';
import { createRandom, freshSeed, type RandomStream } from './random.ts';

/** Picks the next token from the logits; `history` holds what was generated so far. */
export type Sampler = (logits: Float32Array, history: readonly number[]) => number;

export interface SamplerOptions extends Omit<PenaltyOptions, 'penaltyScope'> {
  /** Draw the token. Default: take the likeliest. */
  readonly sampling?: SamplingOptions;
  /** Needed by `minNewTokens`. */
  readonly stopTokens?: ReadonlySet<number>;
  /** Ids of the prompt that count as repetition. Default: none. */
  readonly prompt?: readonly number[];
}

/**
 * Penalties, then filters, then a draw or the likeliest token, in the order of the reference
 * (spec CHAT §6.1). The logits it is given stay as they are.
 *
 * @throws InvalidOptionError
 */
export function sampler(options: SamplerOptions = {}): Sampler {
  checkSamplerOptions(options);
  const { sampling, stopTokens = new Set<number>(), prompt = [] } = options;
  const steps = [...penaltySteps(options, stopTokens), ...filterSteps(sampling)];
  const random = sampling && createRandom(sampling.seed ?? freshSeed());
  return tokenPicker({ steps, prompt, ...(random && { random }) });
}

export interface TokenPicker {
  readonly steps: readonly LogitsStep[];
  /** Ids of the prompt that penalties know. */
  readonly prompt: readonly number[];
  /** Draws the token. Without: the likeliest, the first of equals. */
  readonly random?: RandomStream;
}

/** A sampler from its parts. */
export function tokenPicker({ steps, prompt, random }: TokenPicker): Sampler {
  const change = changerOf(steps);
  return (logits, generated) => {
    const scores = change(logits, { generated, prompt });
    const token = random ? draw(scores, random) : likeliest(scores);
    if (scores[token] === -Infinity) throw new NoTokenLeftError(generated.length);
    return token;
  };
}

/** How many numbers are looked through at a time for the largest. */
const STRETCH = 1024;

/**
 * The place of the largest number; of equal ones the first (as the reference's argmax). Places are asked
 * about only where a stretch has a number larger than all before it.
 */
export function likeliest(logits: Float32Array): number {
  let largest = logits[0]!;
  let from = 0;
  for (let start = 0; start < logits.length; start += STRETCH) {
    const most = largestOf(logits, start, Math.min(start + STRETCH, logits.length));
    if (most > largest) [largest, from] = [most, start];
  }
  return Math.max(0, logits.indexOf(largest, from));
}

/** Four at a time, so that none waits for the one before it. What is no number counts for nothing. */
function largestOf(numbers: Float32Array, from: number, to: number): number {
  let [a, b, c, d] = [-Infinity, -Infinity, -Infinity, -Infinity];
  let at = from;
  for (; at + 4 <= to; at += 4) {
    if (numbers[at]! > a) a = numbers[at]!;
    if (numbers[at + 1]! > b) b = numbers[at + 1]!;
    if (numbers[at + 2]! > c) c = numbers[at + 2]!;
    if (numbers[at + 3]! > d) d = numbers[at + 3]!;
  }
  for (; at < to; at++) if (numbers[at]! > a) a = numbers[at]!;
  return Math.max(a, b, c, d);
}

/** A token by its probability under the softmax of the scores. Takes one number of the stream. */
function draw(scores: Float32Array, random: RandomStream): number {
  const tokens = possibleTokens(scores);
  let peak = -Infinity;
  for (const token of tokens) peak = Math.max(peak, scores[token]!);
  const weights = new Float64Array(tokens.length);
  let total = 0;
  for (let i = 0; i < tokens.length; i++) {
    weights[i] = Math.exp(scores[tokens[i]!]! - peak);
    total += weights[i]!;
  }
  let left = random.uniform() * total;
  for (let i = 0; i < tokens.length; i++) {
    left -= weights[i]!;
    if (left < 0) return tokens[i]!;
  }
  return tokens.at(-1) ?? 0;
}

/** Filters leave few of them, which are then gone through instead of the whole vocabulary. */
function possibleTokens(scores: Float32Array): Uint32Array {
  const tokens = new Uint32Array(scores.length);
  let count = 0;
  for (let token = 0; token < scores.length; token++) {
    if (scores[token]! > -Infinity) tokens[count++] = token;
  }
  return tokens.subarray(0, count);
}

/** Gives a changed copy, in the same memory each time; the logits themselves when nothing changes them. */
function changerOf(
  steps: readonly LogitsStep[],
): (logits: Float32Array, context: StepContext) => Float32Array {
  let scores = new Float32Array();
  return (logits, context) => {
    if (steps.length === 0) return logits;
    if (scores.length !== logits.length) scores = new Float32Array(logits.length);
    scores.set(logits);
    for (const step of steps) step(scores, context);
    return scores;
  };
}

/**
 * Steps that shape what a draw may give (spec CHAT §6.1). Each keeps at least `minKept` tokens, so
 * that a beam search never runs out of ways to go on.
 */
import type { LogitsStep } from './logits-step.ts';
import {
  countThreshold,
  greatest,
  keepAbove,
  possible,
  type Threshold,
  thresholdOf,
} from './threshold.ts';

/** Below 1 likely tokens become likelier, above 1 all become more alike. */
export function temperature(value: number): LogitsStep {
  return (scores) => {
    for (let i = 0; i < scores.length; i++) scores[i]! /= value;
  };
}

/** Keeps the `count` best scores, and those equal to the last of them. */
export function topK(count: number, minKept = 1): LogitsStep {
  return (scores) => {
    const { score } = countThreshold(scores, Math.max(count, minKept));
    keepAbove(scores, { score, equals: Infinity });
  };
}

/** Keeps the fewest best tokens whose probabilities reach `mass` together (Holtzman et al. 2020). */
export function topP(mass: number, minKept = 1): LogitsStep {
  return (scores) => {
    const open = possible(scores);
    const peak = greatest(open);
    const weight = (score: number) => Math.exp(score - peak);
    const nucleus = thresholdOf(open, weight, mass * sumOf(open, weight));
    keepAbove(scores, atLeast(minKept, scores, nucleus));
  };
}

/** Keeps tokens at least `share` times as likely as the likeliest (Nguyen et al. 2024). */
export function minP(share: number, minKept = 1): LogitsStep {
  return (scores) => {
    const border = { score: greatest(scores) + Math.log(share), equals: Infinity };
    keepAbove(scores, atLeast(minKept, scores, border));
  };
}

/** The threshold, or a lower one where it keeps fewer than `count`. The greatest score always stays. */
function atLeast(count: number, scores: Float32Array, threshold: Threshold): Threshold {
  if (count <= 1) return threshold;
  const needed = countThreshold(scores, count);
  if (needed.score !== threshold.score) return needed.score < threshold.score ? needed : threshold;
  return needed.equals > threshold.equals ? needed : threshold;
}

function sumOf(scores: Float32Array, weight: (score: number) => number): number {
  let sum = 0;
  for (let i = 0; i < scores.length; i++) sum += weight(scores[i]!);
  return sum;
}

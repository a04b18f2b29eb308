import { greatest } from './threshold.ts';

/**
 * log Σ exp(score): what a score must lose to become a log-probability. The greatest score is taken
 * out first so that nothing overflows, and the sum is kept in float64.
 */
export function logSumExp(scores: Float32Array): number {
  const peak = greatest(scores);
  let sum = 0;
  for (let i = 0; i < scores.length; i++) sum += Math.exp(scores[i]! - peak);
  return peak + Math.log(sum);
}

/** Log-probabilities of all tokens, a new array. */
export function logSoftmax(logits: Float32Array): Float32Array {
  const total = logSumExp(logits);
  const logprobs = new Float32Array(logits.length);
  for (let i = 0; i < logits.length; i++) logprobs[i] = logits[i]! - total;
  return logprobs;
}

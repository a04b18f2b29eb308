import { logSoftmax } from '@lingbi/core';

/** How far a model's choices are from those of the same model in float32. */
export interface Distance {
  /** Kullback-Leibler divergence from float32, in nats, the mean over positions. */
  readonly divergence: number;
  /** Share of positions whose likeliest token is the same. */
  readonly agreement: number;
}

export function compareLogits(
  found: readonly Float32Array[],
  wanted: readonly Float32Array[],
): Distance {
  const positions = wanted.map((expected, position) => comparePosition(found[position]!, expected));
  const mean = (key: keyof Distance) =>
    positions.reduce((sum, position) => sum + position[key], 0) / positions.length;
  return { divergence: mean('divergence'), agreement: mean('agreement') };
}

function comparePosition(found: Float32Array, wanted: Float32Array): Distance {
  const [p, q] = [logSoftmax(wanted), logSoftmax(found)];
  const divergence = p.reduce((sum, log, token) => sum + Math.exp(log) * (log - q[token]!), 0);
  return { divergence, agreement: likeliestOf(found) === likeliestOf(wanted) ? 1 : 0 };
}

function likeliestOf(logits: Float32Array): number {
  return logits.reduce((best, logit, token) => (logit > logits[best]! ? token : best), 0);
}

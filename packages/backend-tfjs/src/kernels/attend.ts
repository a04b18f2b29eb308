import type { Tensor3D } from '@tensorflow/tfjs';
import type { Place } from '../engines/engine.ts';
import { checkBuffer } from '../memory/check-limits.ts';
import { type HeadMatrices, headsOf, multiplyHeads, someHeads } from './head-matrices.ts';

/** Keys and values of consecutive positions. */
export interface KeysAndValues {
  /** [headDim, positions] a head: the form the product with queries wants. */
  readonly keys: HeadMatrices;
  /** [positions, headDim] a head. */
  readonly values: HeadMatrices;
  readonly length: number;
}

/**
 * Scores of so many bytes at once: 4000 positions of a 512-token chunk would take 256 MiB for 32
 * heads, several times over. Small enough for every engine's buffers, large enough to lose nothing.
 */
const SCORE_BYTES = 32 * 2 ** 20;

const SCORES = 'What attention makes of its queries and keys';

/**
 * softmax(q · kᵀ / √headDim + mask) · v. `queries` is [heads, rows, headDim]; `hide`, when given,
 * adds to the scores of `heads` heads, [heads, rows, positions]. Returns [heads, rows, headDim].
 */
export function attend(
  engine: Place,
  queries: Tensor3D,
  past: readonly KeysAndValues[],
  hide: (scores: Tensor3D) => Tensor3D = (scores) => scores,
): Tensor3D {
  const { tf } = engine;
  const [heads, rows, headDim] = queries.shape;
  const scaled = tf.mul(queries, headDim ** -0.5) as Tensor3D;
  const positions = past.reduce((sum, { length }) => sum + length, 0);
  const fitting = Math.floor(SCORE_BYTES / (rows * positions * 4));
  const atOnce = Math.min(heads, Math.max(1, fitting));
  if (engine.name === 'webgpu') checkBuffer('webgpu', SCORES, [atOnce, rows, positions]);
  const mixed: Tensor3D[] = [];
  for (let from = 0; from < heads; from += atOnce) {
    const to = Math.min(heads, from + atOnce);
    mixed.push(tf.tidy(() => attendHeads(from, to)));
  }
  return mixed.length === 1 ? mixed[0]! : tf.concat(mixed, 0);

  function attendHeads(from: number, to: number): Tensor3D {
    const part = headsOf(engine, scaled, from, to);
    const some = past.map(({ keys, values, length }) => ({
      keys: someHeads(engine, keys, from, to),
      values: someHeads(engine, values, from, to),
      length,
    }));
    const scores = some.map(({ keys }) => multiplyHeads(engine, part, keys));
    const shares = tf.softmax(hide(scores.length === 1 ? scores[0]! : tf.concat(scores, 2)));
    return mixValues(engine, shares, some);
  }
}

function mixValues(engine: Place, shares: Tensor3D, past: readonly KeysAndValues[]): Tensor3D {
  const { tf } = engine;
  const [heads, rows, positions] = shares.shape;
  let start = 0;
  const parts = past.map(({ values, length }) => {
    const own =
      length === positions ? shares : tf.slice(shares, [0, 0, start], [heads, rows, length]);
    start += length;
    return multiplyHeads(engine, own, values);
  });
  return parts.reduce((sum, part) => tf.add(sum, part));
}

import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import type { Place } from '../engines/engine.ts';
import { attend, type KeysAndValues } from './attend.ts';
import { hideLater } from './hide-later.ts';

/**
 * Each query attends to what is not after it; the last positions of `past` are the queries' own.
 * `queries` [tokens, heads, headDim] share `kvHeads` heads in groups. Returns [tokens, heads · headDim].
 */
export function attendCausally(
  place: Place,
  queries: Tensor3D,
  past: readonly KeysAndValues[],
  kvHeads: number,
): Tensor2D {
  const { tf } = place;
  const [tokens, heads, headDim] = queries.shape;
  // Heads that share keys become rows of one matrix: [kvHeads, group · tokens, headDim].
  const grouped: Tensor3D = tf.reshape(tf.transpose(queries, [1, 0, 2]), [
    kvHeads,
    (heads / kvHeads) * tokens,
    headDim,
  ]);
  const mixed = attend(place, grouped, past, (scores) => hideLater(tf, scores, tokens));
  const byHead = tf.reshape(mixed, [heads, tokens, headDim]);
  return tf.reshape(tf.transpose(byHead, [1, 0, 2]), [tokens, heads * headDim]);
}

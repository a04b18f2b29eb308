import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import type { TensorFlow } from '../engines/engine.ts';

/** Added to a score, it leaves nothing of it after the softmax; infinity would make 0 · ∞ in gradients. */
const HIDDEN = -1e30;

/**
 * Hides from each token what comes after it: scores [heads, group · tokens, positions], where the
 * last `tokens` positions are the tokens themselves.
 */
export function hideLater(tf: TensorFlow, scores: Tensor3D, tokens: number): Tensor3D {
  if (tokens === 1) return scores;
  const [heads, rows, positions] = scores.shape;
  const among = tf.tensor2d(laterPositions(tokens), [tokens, tokens]);
  const mask: Tensor2D = tf.pad(among, [
    [0, 0],
    [positions - tokens, 0],
  ]);
  const byToken = tf.reshape(scores, [(heads * rows) / tokens, tokens, positions]);
  return tf.reshape(tf.add(byToken, mask), scores.shape);
}

function laterPositions(tokens: number): Float32Array {
  const mask = new Float32Array(tokens * tokens);
  for (let row = 0; row < tokens; row++)
    mask.fill(HIDDEN, row * tokens + row + 1, (row + 1) * tokens);
  return mask;
}

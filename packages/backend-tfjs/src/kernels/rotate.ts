import type { Tensor, Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import type { TensorFlow } from '../engines/engine.ts';

/**
 * Turns each head by the angles of its row: the first half of a head holds real parts, the second
 * imaginary ones. x [rows, heads, headDim]; cos and sin [rows, headDim / 2].
 */
export function rotate(tf: TensorFlow, x: Tensor3D, cos: Tensor2D, sin: Tensor2D): Tensor3D {
  const [rows, heads, headDim] = x.shape;
  const half = headDim / 2;
  const [c, s] = [cos, sin].map((angles) => tf.reshape(angles, [rows, 1, half])) as [
    Tensor,
    Tensor,
  ];
  const real = tf.slice(x, [0, 0, 0], [rows, heads, half]);
  const imaginary = tf.slice(x, [0, 0, half], [rows, heads, half]);
  const turned = [
    tf.sub(tf.mul(real, c), tf.mul(imaginary, s)),
    tf.add(tf.mul(imaginary, c), tf.mul(real, s)),
  ] as [Tensor3D, Tensor3D];
  return tf.concat(turned, 2);
}

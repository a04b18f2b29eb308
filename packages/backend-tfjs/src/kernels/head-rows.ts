import type { Tensor3D } from '@tensorflow/tfjs';
import type { TensorFlow } from '../engines/engine.ts';

/** Heads `from` … `from + count` of x [rows, heads, headDim]. */
export function headRows(tf: TensorFlow, x: Tensor3D, from: number, count: number): Tensor3D {
  return tf.slice(x, [0, from, 0], [x.shape[0], count, x.shape[2]]);
}

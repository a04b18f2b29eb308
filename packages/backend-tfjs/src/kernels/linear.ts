import type { Kernel } from '@lingbi/core';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs';
import type { Engine } from '../engines/engine.ts';
import { isMatrix, type Value } from '../value.ts';

export function linear({ tf }: Engine): Kernel<'linear', Value> {
  return ([input], { weight: matrix, bias }, { weight }) => {
    const x = input as Tensor;
    const [out, width] = matrix.shape as [number, number];
    const mapped = multiplied(tf.reshape(x, [-1, width]), weight(matrix));
    const shifted = bias ? tf.add(mapped, weight(bias) as Tensor) : mapped;
    return tf.reshape(shifted, x.shape.with(-1, out));
  };

  /** A matrix that other operations read as well is a plain tensor, [out, in]. */
  function multiplied(x: Tensor2D, matrix: Value): Tensor {
    if (isMatrix(matrix)) return matrix.multiply(x);
    return tf.matMul(x, matrix as Tensor2D, false, true);
  }
}

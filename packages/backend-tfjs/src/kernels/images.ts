import type { Kernel } from '@lingbi/core';
import type { Tensor, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import type { Engine } from '../engines/engine.ts';
import { bicubicMatrix } from './bicubic-matrix.ts';

/** Pictures come channel first; TensorFlow.js wants channels last. */
export function conv2d({ tf }: Engine): Kernel<'conv2d', Tensor> {
  return ([x], { weight: filter, bias, stride }, { weight }) => {
    const pixels = tf.transpose(x as Tensor3D, [1, 2, 0]);
    const taps = tf.transpose(weight(filter) as Tensor4D, [2, 3, 1, 0]);
    const map = tf.conv2d(pixels, taps, stride, 'valid');
    return tf.transpose(bias ? tf.add(map, weight(bias)) : map, [2, 0, 1]);
  };
}

/** Resampling is linear: one matrix for the columns, one for the rows. */
export function resizeGrid({ tf }: Engine): Kernel<'resizeGrid', Tensor> {
  return ([x], { height, width }) => {
    const wide = alongLastAxis(x as Tensor3D, width);
    const tall = alongLastAxis(tf.transpose(wide, [0, 2, 1]), height);
    return tf.transpose(tall, [0, 2, 1]);
  };

  function alongLastAxis(x: Tensor3D, to: number): Tensor3D {
    const [channels, other, from] = x.shape;
    const matrix = tf.tensor2d(bicubicMatrix(from, to), [from, to]);
    const rows = tf.reshape(x, [channels * other, from]) as Tensor2D;
    return tf.reshape(tf.matMul(rows, matrix), [channels, other, to]);
  }
}

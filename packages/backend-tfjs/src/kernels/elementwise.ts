import type { Activation, Kernel } from '@lingbi/core';
import type { Tensor } from '@tensorflow/tfjs';
import type { Engine, TensorFlow } from '../engines/engine.ts';

export function add({ tf }: Engine): Kernel<'add', Tensor> {
  return ([a, b]) => tf.add(a!, b!);
}

export function multiply({ tf }: Engine): Kernel<'multiply', Tensor> {
  return ([a, b]) => tf.mul(a!, b!);
}

export function scale({ tf }: Engine): Kernel<'scale', Tensor> {
  return ([x], { factor }) => tf.mul(x!, factor);
}

export function activate({ tf }: Engine): Kernel<'activate', Tensor> {
  return ([x], { activation }) => activated(tf, x!, activation);
}

export function swiglu({ tf }: Engine): Kernel<'swiglu', Tensor> {
  return ([gate, up]) => tf.mul(activated(tf, gate!, 'silu'), up!);
}

function activated(tf: TensorFlow, x: Tensor, activation: Activation): Tensor {
  switch (activation) {
    case 'gelu':
      return tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
    case 'quickGelu':
      return tf.mul(x, tf.sigmoid(tf.mul(x, 1.702)));
    case 'silu':
      return tf.mul(x, tf.sigmoid(x));
    default:
      throw activation satisfies never;
  }
}

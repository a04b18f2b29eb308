import type { Kernel } from '@lingbi/core';
import type { Tensor } from '@tensorflow/tfjs';
import type { Engine } from '../engines/engine.ts';

export function reshape({ tf }: Engine): Kernel<'reshape', Tensor> {
  return ([x], { shape }) => {
    const lengths = shape.map((dim) => (typeof dim === 'number' ? dim : -1));
    return tf.reshape(x!, lengths);
  };
}

export function transpose({ tf }: Engine): Kernel<'transpose', Tensor> {
  return ([x], { order }) => tf.transpose(x!, [...order]);
}

export function concat({ tf }: Engine): Kernel<'concat', Tensor> {
  return (parts, { axis }) => tf.concat([...parts], axis);
}

export function slice({ tf }: Engine): Kernel<'slice', Tensor> {
  return ([x], { axis, start, end }) => {
    const begin = x!.shape.map(() => 0).with(axis, start);
    return tf.slice(x!, begin, x!.shape.with(axis, end - start));
  };
}

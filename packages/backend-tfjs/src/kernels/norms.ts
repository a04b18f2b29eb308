import type { Kernel } from '@lingbi/core';
import type { Tensor } from '@tensorflow/tfjs';
import type { Engine, TensorFlow } from '../engines/engine.ts';

export function rmsNorm({ tf }: Engine): Kernel<'rmsNorm', Tensor> {
  return ([x], { weight: gain, epsilon }, { weight }) =>
    scaledToUnit(tf, x!, weight(gain), epsilon);
}

export function layerNorm({ tf }: Engine): Kernel<'layerNorm', Tensor> {
  return ([x], { weight: gain, bias, epsilon }, { weight }) => {
    const centred = tf.sub(x!, tf.mean(x!, -1, true));
    return tf.add(scaledToUnit(tf, centred, weight(gain), epsilon), weight(bias));
  };
}

/** x / √(mean(x²) + ε) · gain over the last axis. */
export function scaledToUnit(tf: TensorFlow, x: Tensor, gain: Tensor, epsilon: number): Tensor {
  const meanSquare = tf.mean(tf.square(x), -1, true);
  return tf.mul(tf.mul(x, tf.rsqrt(tf.add(meanSquare, epsilon))), gain);
}

import type { Tensor2D } from '@tensorflow/tfjs';
import type { Engine } from '../engines/engine.ts';
import { onEngine } from '../engines/on-engine.ts';
import type { Matrix } from './matrix.ts';
import { transposed } from './transposed.ts';

/**
 * Kept as [in, out]: a product with a transposed right side is up to 14 times slower on wasm (64
 * rows, 1024 → 2048 features: 164 against 12 ms) and up to 3 times on tensorflow.
 */
export function float32Matrix(engine: Engine, data: Float32Array, shape: Matrix['shape']): Matrix {
  const { tf } = engine;
  const matrix = keepTurned(engine, data, shape);
  return {
    shape,
    multiply: (x) => tf.matMul(x, matrix),
    dispose: () => matrix.dispose(),
  };
}

/** By itself: what a closure of the matrix can see, JavaScript would hold as long as the matrix. */
function keepTurned(engine: Engine, data: Float32Array, [out, width]: Matrix['shape']): Tensor2D {
  const turned = transposed(data, out, width);
  return onEngine(engine, () => engine.tf.keep(engine.tf.tensor2d(turned, [width, out])));
}

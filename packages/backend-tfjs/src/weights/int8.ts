import type { TensorFlow } from '../engines/engine.ts';
import { type RawTensor, rawTensorOf } from '../engines/raw-binding.ts';
import type { Matrix } from './matrix.ts';
import {
  bitcast,
  cast,
  createRaw,
  deleteRaw,
  productWithRows,
  rawResult,
  rawTensor,
} from './raw-scope.ts';

/** Whole numbers −127…127 and a scale for each output feature. */
export function int8Matrix(tf: TensorFlow, data: Float32Array, shape: Matrix['shape']): Matrix {
  const { values, scales } = toInt8(data, shape);
  const matrix = createInt8(tf, values, shape);
  const factors = createRaw(tf, 'float32', [shape[0]], scales);
  return {
    shape,
    multiply: (x) =>
      rawResult(tf, (run) => {
        const wide = cast(run, matrix, 'int8', 'bfloat16'); // exact: bfloat16 holds whole numbers to 256
        const narrow = cast(run, rawTensorOf(tf, x), 'float32', 'bfloat16');
        const sums = cast(
          run,
          productWithRows(run, narrow, wide, 'bfloat16'),
          'bfloat16',
          'float32',
        );
        run('Mul', [sums, factors], { T: 'float32' });
      }),
    dispose: () => deleteRaw(tf, [matrix, factors]),
  };
}

/** Each row divided by its scale and rounded; the largest number of a row becomes ±127. */
function toInt8(
  data: Float32Array,
  [out, width]: Matrix['shape'],
): { values: Int8Array; scales: Float32Array } {
  const values = new Int8Array(data.length);
  const scales = new Float32Array(out);
  for (let row = 0; row < out; row++) {
    const scale = largest(data, row * width, (row + 1) * width) / 127 || 1;
    scales[row] = scale;
    for (let at = row * width; at < (row + 1) * width; at++) {
      values[at] = Math.round(data[at]! / scale);
    }
  }
  return { values, scales };
}

/** The largest magnitude at `from` ≤ index < `to`. */
export function largest(data: Float32Array, from: number, to: number): number {
  let peak = 0;
  for (let at = from; at < to; at++) peak = Math.max(peak, Math.abs(data[at]!));
  return peak;
}

/** The binding takes no int8 arrays: the bytes go in as uint8 and change their name inside. */
function createInt8(tf: TensorFlow, { buffer }: Int8Array, shape: readonly number[]): RawTensor {
  const bytes = createRaw(tf, 'uint8', shape, new Uint8Array(buffer));
  try {
    return rawTensor(tf, (run) => bitcast(run, bytes, 'uint8', 'int8'));
  } finally {
    deleteRaw(tf, [bytes]);
  }
}

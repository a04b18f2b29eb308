/**
 * Whole numbers −8…7 and a scale for each block of 128 input features of an output feature.
 *
 * Widening a matrix number by number with its scales takes ten times as long as multiplying it. So
 * each block is multiplied on its own, as it is, and the sums are scaled: y = Σ scale · (q · x), with
 * the offset of 8 taken out of the sum of the block's x. 9 ms instead of 47 for 4096 × 4096.
 */
import type { Tensor, Tensor2D } from '@tensorflow/tfjs';
import type { TensorFlow } from '../engines/engine.ts';
import { type RawTensor, rawTensorOf } from '../engines/raw-binding.ts';
import { INT4_BLOCK } from './format.ts';
import { largest } from './int8.ts';
import type { Matrix } from './matrix.ts';
import { cast, createRaw, deleteRaw, type RunRaw, rawResult } from './raw-scope.ts';

/** Numbers are kept from 0 to 15: this much higher than they are. */
const OFFSET = 8;

/** Sums of every block of every row wait to be scaled, in a few copies: so many bytes of them at once. */
const SUM_BYTES = 64 * 2 ** 20;

/** `width` must be a multiple of two blocks. */
export function int4Matrix(
  tf: TensorFlow,
  data: Float32Array,
  shape: Matrix['shape'],
  sumBytes: number = SUM_BYTES,
): Matrix {
  const [out, width] = shape;
  const blocks = width / INT4_BLOCK;
  const { nibbles, scales } = toInt4(data, shape);
  const create = createRaw.bind(undefined, tf);
  const raw = {
    nibbles: create('uint8', [blocks / 2, out, INT4_BLOCK], nibbles),
    scales: create('float32', [blocks, 1, out], scales),
    offset: create('float32', [], Float32Array.of(-OFFSET)),
    low: create('uint8', [], Uint8Array.of(0x0f)),
    shift: create('uint8', [], Uint8Array.of(4)),
    blocked: create('int32', [3], Int32Array.of(-1, blocks, INT4_BLOCK)),
    blocksFirst: create('int32', [3], Int32Array.of(1, 0, 2)),
    first: create('int32', [1], Int32Array.of(0)),
    last: create('int32', [1], Int32Array.of(2)),
    axis: create('int32', [], Int32Array.of(0)),
  };
  const multiply = (x: Tensor2D) => rawResult(tf, (run) => product(run, rawTensorOf(tf, x), raw));
  const atOnce = Math.max(1, Math.floor(sumBytes / (blocks * out * 4)));
  return {
    shape,
    multiply: (x) => (x.shape[0] <= atOnce ? multiply(x) : inParts(tf, x, atOnce, multiply)),
    dispose: () => deleteRaw(tf, Object.values(raw)),
  };
}

function inParts(
  tf: TensorFlow,
  x: Tensor2D,
  atOnce: number,
  multiply: (x: Tensor2D) => Tensor,
): Tensor {
  const [rows, width] = x.shape;
  const parts: Tensor[] = [];
  for (let from = 0; from < rows; from += atOnce) {
    const part = tf.slice(x, [from, 0], [Math.min(atOnce, rows - from), width]);
    parts.push(multiply(part));
  }
  return tf.concat(parts, 0);
}

type RawInt4 = Readonly<
  Record<
    | 'nibbles'
    | 'scales'
    | 'offset'
    | 'low'
    | 'shift'
    | 'blocked'
    | 'blocksFirst'
    | 'first'
    | 'last'
    | 'axis',
    RawTensor
  >
>;

/** x [rows, in] → y [rows, out]. */
function product(run: RunRaw, x: RawTensor, raw: RawInt4): void {
  const float = { T: 'float32' } as const;
  const split = run('Reshape', [x, raw.blocked], { ...float, Tshape: 'int32' });
  const byBlock = run('Transpose', [split, raw.blocksFirst], { ...float, Tperm: 'int32' });
  const narrow = cast(run, byBlock, 'float32', 'bfloat16'); // [blocks, rows, 128]
  const numbers = cast(run, unpacked(run, raw), 'uint8', 'bfloat16'); // [blocks, out, 128]
  const products = run('BatchMatMulV2', [narrow, numbers], {
    T: 'bfloat16',
    adj_x: false,
    adj_y: true,
  });
  const sums = cast(run, products, 'bfloat16', 'float32'); // [blocks, rows, out]
  const ownSums = run('Sum', [byBlock, raw.last], { ...float, Tidx: 'int32', keep_dims: true });
  const shifted = run('AddV2', [sums, run('Mul', [ownSums, raw.offset], float)], float);
  const scaled = run('Mul', [shifted, raw.scales], float);
  run('Sum', [scaled, raw.first], { ...float, Tidx: 'int32', keep_dims: false });
}

/** Low nibbles hold the first half of the blocks, high ones the second. */
function unpacked(run: RunRaw, { nibbles, low, shift, axis }: RawInt4): RawTensor {
  const first = run('BitwiseAnd', [nibbles, low], { T: 'uint8' });
  const second = run('RightShift', [nibbles, shift], { T: 'uint8' });
  return run('ConcatV2', [first, second, axis], { N: 2, T: 'uint8', Tidx: 'int32' });
}

/** [out, in] → nibbles [blocks / 2, out, 128] and scales [blocks, 1, out]. */
function toInt4(
  data: Float32Array,
  [out, width]: Matrix['shape'],
): { nibbles: Uint8Array; scales: Float32Array } {
  const blocks = width / INT4_BLOCK;
  const nibbles = new Uint8Array(data.length / 2);
  const scales = new Float32Array(blocks * out);
  for (let block = 0; block < blocks; block++) {
    const bits = block < blocks / 2 ? 0 : 4;
    for (let row = 0; row < out; row++) {
      const from = row * width + block * INT4_BLOCK;
      const scale = largest(data, from, from + INT4_BLOCK) / 7 || 1;
      scales[block * out + row] = scale;
      const to = ((block % (blocks / 2)) * out + row) * INT4_BLOCK;
      for (let i = 0; i < INT4_BLOCK; i++) {
        const rounded = Math.round(data[from + i]! / scale) + OFFSET;
        nibbles[to + i]! |= rounded << bits;
      }
    }
  }
  return { nibbles, scales };
}

import type { Tensor } from '@tensorflow/tfjs';
import type { TensorFlow } from '../engines/engine.ts';
import { type RawTensor, rawTensorOf } from '../engines/raw-binding.ts';
import type { Matrix, Table } from './matrix.ts';
import {
  bitcast,
  cast,
  createRaw,
  deleteRaw,
  productWithRows,
  type RunRaw,
  rawResult,
  rawTensor,
} from './raw-scope.ts';

/** Upper halves of float32 numbers, row-major. */
export type Bfloat16s = Uint16Array;

/** Multiplied as bfloat16 × bfloat16, summed in float32 by the library, then rounded. */
export function bfloat16Matrix(tf: TensorFlow, data: Bfloat16s, shape: Matrix['shape']): Matrix {
  const matrix = createBfloat16(tf, data, shape);
  return {
    shape,
    multiply: (x) => rawResult(tf, (run) => product(run, rawTensorOf(tf, x), matrix)),
    dispose: () => deleteRaw(tf, [matrix]),
  };
}

/** Rows are widened to float32 when they are looked up. */
export function bfloat16Table(tf: TensorFlow, data: Bfloat16s, shape: Table['shape']): Table {
  const table = createBfloat16(tf, data, shape);
  const axis = createRaw(tf, 'int32', [], Int32Array.of(0));
  const types = { Tparams: 'bfloat16', Tindices: 'int32', Taxis: 'int32', batch_dims: 0 } as const;
  return {
    shape,
    pick: (ids: Tensor) =>
      rawResult(tf, (run) => {
        const rows = run('GatherV2', [table, rawTensorOf(tf, ids), axis], types);
        cast(run, rows, 'bfloat16', 'float32');
      }),
    dispose: () => deleteRaw(tf, [table, axis]),
  };
}

function product(run: RunRaw, x: RawTensor, matrix: RawTensor): void {
  const narrow = cast(run, x, 'float32', 'bfloat16');
  cast(run, productWithRows(run, narrow, matrix, 'bfloat16'), 'bfloat16', 'float32');
}

/** The binding takes no bfloat16 arrays: the bytes go in as pairs and change their name inside. */
function createBfloat16(
  tf: TensorFlow,
  { buffer, byteOffset, byteLength }: Bfloat16s,
  shape: readonly number[],
): RawTensor {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  const pairs = createRaw(tf, 'uint8', [...shape, 2], bytes);
  try {
    return rawTensor(tf, (run) => bitcast(run, pairs, 'uint8', 'bfloat16'));
  } finally {
    deleteRaw(tf, [pairs]);
  }
}

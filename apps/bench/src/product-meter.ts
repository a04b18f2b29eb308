import { onnx } from '@lingbi/backend-onnx';
import {
  encodeWeight,
  linear,
  trace,
  type Weight,
  type Encoding as WeightEncoding,
  type WeightSource,
} from '@lingbi/core';
import { milliseconds } from './bench.ts';
import { THREADS } from './contenders/programs.ts';
import type { Encoding } from './contenders/weights.ts';

/** How a product's matrix is stored, which decides with what it is multiplied: `int8` is a scale a channel. */
export type Products = Encoding | 'int8';

/** As wide as the widest matrices of decoders: narrower ones were slower, for rows are rounded once for fewer columns. */
const SIDE = 4096;
const ROWS = 512;
/** One after the other in a run, so that what a run costs beside them hardly counts. */
const PRODUCTS = 2;
/** The first one wakes threads and fetches the matrix; of the others the fastest counts. */
const RUNS = 4;
const OPERATIONS = PRODUCTS * 2 * ROWS * SIDE ** 2;

export interface ProductMeter extends AsyncDisposable {
  /** In GFLOP/s: integers count alike. */
  measure(): Promise<number>;
}

/**
 * How fast this machine multiplies by matrices that are stored so, through the same backend and kernels as models
 * (AMX where they use it): 512 rows by one matrix of 4096 × 4096, again and again, so that it stays in a cache.
 * Weights that have to be fetched from memory, norms and attention can only be slower.
 */
export async function productMeter(products: Products): Promise<ProductMeter> {
  const w = { name: 'w', shape: [SIDE, SIDE] };
  const spec = { shape: [ROWS, SIDE], dtype: 'float32' } as const;
  const graph = trace('product', { x: spec }, ({ x }) => {
    let y = x;
    for (let at = 0; at < PRODUCTS; at++) y = linear(y, w);
    return { y };
  });
  // Rows keep their size: a product of n numbers with these adds n squares whose mean is 1 / n.
  const data = Float32Array.from(
    { length: SIDE ** 2 },
    (_, at) => Math.sin(at) * (2 / SIDE) ** 0.5,
  );
  const backend = onnx({ threads: THREADS, prepack: true });
  const program = await backend.compile({ graph }, sourceOf(w, data, encodingOf(products)));
  const x = { ...spec, data: data.subarray(0, ROWS * SIDE) };
  return {
    async measure() {
      let fastest = Infinity;
      for (let run = 0; run < RUNS; run++) {
        const time = await milliseconds(async () => {
          const { y } = await program.run('graph', { x });
          y![Symbol.dispose]();
        });
        fastest = Math.min(fastest, time);
      }
      return OPERATIONS / fastest / 1e6;
    },
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}

/** For the note of a row: both in GFLOP/s. */
export function shareOfProducts(used: number, metered: number, products: Products): string {
  const matrix = { f32: 'float32', int8: 'int8 a channel' }[products as string] ?? products;
  const share = ((100 * used) / metered).toFixed(0);
  return `${share} % of ${metered.toFixed(0)} GFLOP/s: ${ROWS} rows by a matrix in the cache, ${matrix}`;
}

/** As checkpoints are converted. */
function encodingOf(products: Products): WeightEncoding {
  if (products === 'f32') return { kind: 'dense', dtype: 'float32' };
  if (products === 'int8') return { kind: 'channels' };
  const [bits, blockSize] = products.slice(3).split('-').map(Number) as [4 | 8, number];
  return { kind: 'blocks', bits, blockSize, zeroPoints: bits === 4, scales: 'float16' };
}

function sourceOf({ shape }: Weight, data: Float32Array, encoding: WeightEncoding): WeightSource {
  const parts = encodeWeight(data, SIDE, encoding);
  return {
    has: () => true,
    describe: () => ({ shape, encoding }),
    read: async (_, part = 'values') => parts[part]!,
  };
}

import { onnx } from '@lingbi/backend-onnx';
import { linear, memoryWeights, trace } from '@lingbi/core';
import { milliseconds } from './bench.ts';
import { THREADS } from './contenders/programs.ts';

const SIDE = 2048;
const ROWS = 512;

/** How fast this machine multiplies matrices of float32, in GFLOP/s: 512 × 2048 by 2048 × 2048. */
export async function productMeter(): Promise<AsyncDisposable & { measure(): Promise<number> }> {
  const w = { name: 'w', shape: [SIDE, SIDE] };
  const spec = { shape: [ROWS, SIDE], dtype: 'float32' } as const;
  const graph = trace('product', { x: spec }, ({ x }) => ({ y: linear(x, w) }));
  const data = Float32Array.from({ length: SIDE * SIDE }, (_, at) => Math.sin(at));
  const weights = memoryWeights(new Map([['w', { shape: w.shape, data }]]));
  const program = await onnx({ threads: THREADS, prepack: true }).compile({ graph }, weights);
  const x = { ...spec, data: data.subarray(0, ROWS * SIDE) };
  return {
    async measure() {
      const time = await milliseconds(async () => {
        const { y } = await program.run('graph', { x });
        y![Symbol.dispose]();
      });
      return (2 * ROWS * SIDE * SIDE) / time / 1e6;
    },
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}

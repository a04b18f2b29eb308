import { type Backend, linear, memoryWeights, trace } from '@lingbi/core';

const width = 8;
const weight = { name: 'w', shape: [width, width] };
const graphs = {
  line: trace('line', { x: { shape: ['rows', width], dtype: 'float32' } }, ({ x }) => ({
    y: linear(x, weight),
  })),
};
const numbers = Float32Array.from({ length: width * width }, (_, i) => Math.sin(i));
const weights = memoryWeights(new Map([['w', { shape: weight.shape, data: numbers }]]));

/** Runs one matrix multiplication on both backends and says how far they are apart. */
export async function tinyProgram(
  backend: Backend,
  reference: Backend,
): Promise<{ device: string; error: number }> {
  const found = await run(backend);
  const expected = await run(reference);
  const differences = expected.numbers.map((value, i) => Math.abs(value - found.numbers[i]!));
  return { device: found.device, error: Math.max(...differences) };
}

async function run(backend: Backend): Promise<{ device: string; numbers: number[] }> {
  await using program = await backend.compile(graphs, weights);
  const x = { dtype: 'float32', shape: [width, width], data: numbers } as const;
  const { y } = await program.run('line', { x });
  const { data } = await y!.read();
  y![Symbol.dispose]();
  return { device: program.device, numbers: Array.from(data) };
}

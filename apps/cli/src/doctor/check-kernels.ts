import { add, linear, trace, type WeightSource } from '@lingbi/core';
import { type Check, failed } from './check.ts';

const name = 'kernels';
const width = 32;
const shape = [1, width];
const graphs = {
  sum: trace('sum', { x: { shape: ['rows', width], dtype: 'float32' } }, ({ x }) => ({
    y: add(linear(x, { name: 'w', shape }), linear(x, { name: 'half', shape })),
  })),
};
/** A block of ones: 129 is one above the middle of 8 bits. */
const parts = {
  values: new Uint8Array(width).fill(129),
  scales: new Uint8Array(Float32Array.of(1).buffer),
  zeroPoints: Uint8Array.of(128),
};
/** And one of halves, by its scale in float16. */
const halves = { ...parts, scales: new Uint8Array(Uint16Array.of(0x3800).buffer) };
const weights: WeightSource = {
  has: () => true,
  describe: (name) => ({
    shape,
    encoding: {
      ...{ kind: 'blocks', bits: 8, blockSize: width, zeroPoints: true },
      ...(name === 'half' && { scales: 'float16' }),
    },
  }),
  read: async (name, part = 'values') => (name === 'half' ? halves : parts)[part],
};

/** Whose kernels the backend onnx multiplies weights in 4 or 8 bits with. */
export async function checkKernels(): Promise<Check> {
  try {
    const { missingKernels } = await import('@lingbi/backend-onnx');
    return await judgeKernels(missingKernels());
  } catch (error) {
    return failed(name, 'bad', error);
  }
}

/** `missing` is why there are none of ours; those of ONNX Runtime do as well. */
export async function judgeKernels(missing: string | undefined): Promise<Check> {
  const copied = "ONNX Runtime's, which copy weights in 4 and 8 bits";
  if (missing) return { name, state: 'missing', detail: `${copied}: ${missing}` };
  const sum = await sumOfAll();
  const expected = 1.5 * width;
  if (sum !== expected)
    throw new Error(`lingbi's kernels compute wrongly: ${sum}, not ${expected}`);
  return {
    name,
    state: 'good',
    detail: "lingbi's own: weights in 4 and 8 bits stay in their files",
  };
}

async function sumOfAll(): Promise<number> {
  const { onnx } = await import('@lingbi/backend-onnx');
  await using program = await onnx({ kernels: 'lingbi' }).compile(graphs, weights);
  const data = new Float32Array(width).fill(1);
  const { y } = await program.run('sum', { x: { dtype: 'float32', shape: [1, width], data } });
  using held = y!;
  return (await held.read()).data[0]!;
}

import { linear, trace, type WeightSource } from '@lingbi/core';
import { type Check, failed } from './check.ts';

const name = 'kernels';
const width = 32;
const weight = { name: 'w', shape: [1, width] };
const graphs = {
  sum: trace('sum', { x: { shape: ['rows', width], dtype: 'float32' } }, ({ x }) => ({
    y: linear(x, weight),
  })),
};
/** A block of ones: 129 is one above the middle of 8 bits. */
const parts = {
  values: new Uint8Array(width).fill(129),
  scales: new Uint8Array(Float32Array.of(1).buffer),
  zeroPoints: Uint8Array.of(128),
};
const ones: WeightSource = {
  has: () => true,
  describe: () => ({
    shape: weight.shape,
    encoding: { kind: 'blocks', bits: 8, blockSize: width, zeroPoints: true },
  }),
  read: async (_, part = 'values') => parts[part],
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
  const sum = await sumOfOnes();
  if (sum !== width) throw new Error(`lingbi's kernels compute wrongly: ${sum}, not ${width}`);
  return {
    name,
    state: 'good',
    detail: "lingbi's own: weights in 4 and 8 bits stay in their files",
  };
}

async function sumOfOnes(): Promise<number> {
  const { onnx } = await import('@lingbi/backend-onnx');
  await using program = await onnx({ kernels: 'lingbi' }).compile(graphs, ones);
  const data = new Float32Array(width).fill(1);
  const { y } = await program.run('sum', { x: { dtype: 'float32', shape: [1, width], data } });
  using held = y!;
  return (await held.read()).data[0]!;
}

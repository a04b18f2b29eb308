import type { HostTensor, Program } from '@lingbi/core';
import { onnx } from '../backend.ts';
import { type BlockMatrix, exactProduct, productGraph, sourceOf } from './block-product.ts';

export async function compile(
  matrix: BlockMatrix,
  axes = 1,
  threads = 1,
): Promise<Program<'multiply'>> {
  const graphs = { multiply: productGraph(matrix, axes) };
  return onnx({ threads, kernels: 'lingbi' }).compile(graphs, sourceOf(matrix));
}

export async function multiply(program: Program<'multiply'>, x: HostTensor): Promise<HostTensor> {
  const { y } = await program.run('multiply', { x });
  using held = y!;
  return await held.read();
}

/** What a program finds, and the shares of what rounding may change by which numbers differ too much. */
export async function compareExactly(
  program: Program<'multiply'>,
  matrix: BlockMatrix,
  x: HostTensor,
): Promise<{ readonly shape: readonly number[]; readonly tooFar: readonly number[] }> {
  const found = await multiply(program, x);
  const { numbers, errors } = exactProduct(matrix, x);
  const shares = Array.from(found.data, (each, i) => {
    return each === numbers[i] ? 0 : Math.abs(each - numbers[i]!) / errors[i]!;
  });
  return { shape: found.shape, tooFar: shares.filter((share) => !(share <= 1)) };
}

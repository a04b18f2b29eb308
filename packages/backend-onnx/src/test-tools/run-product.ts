import type { HostTensor, Program } from '@lingbi/core';
import { onnx } from '../backend.ts';
import { type BlockMatrix, productGraph, sourceOf } from './block-product.ts';

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

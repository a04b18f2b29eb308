import type { NodeOf } from '@lingbi/core';
import type { Gate } from '../fuse-gates.ts';
import type { Lowering, LowerOp } from '../lowering.ts';
import type { BlockWeight, ChannelWeight } from '../shared-weights.ts';

/** The weight stays as stored, [out, in]: Gemm multiplies by its transpose as fast, without a copy. */
export const linear: LowerOp<'linear'> = (node, lowering) => {
  const encoded = lowering.encoded(node.attributes.weight);
  if (encoded?.kind === 'blocks') return blockLinear(node, encoded, lowering);
  if (encoded) return channelLinear(node, encoded, lowering);
  if (node.inputs[0]!.shape.length === 2) return gemm(node, lowering);
  fusedMatMul(node, lowering);
};

const gemm: LowerOp<'linear'> = ({ inputs: [x], outputs: [out], attributes }, lowering) => {
  const { weight, bias } = attributes;
  const operands = [lowering.name(x!), lowering.dense(weight, 'linear')];
  if (bias) operands.push(lowering.dense(bias, 'linear'));
  lowering.model.node('Gemm', operands, [lowering.name(out!)], { transB: 1 });
};

/** Gemm takes matrices only; this takes any number of leading axes. */
const fusedMatMul: LowerOp<'linear'> = ({ inputs: [x], outputs: [out], attributes }, lowering) => {
  const { model, name, dense } = lowering;
  const { weight, bias } = attributes;
  const product = bias ? lowering.fresh('product') : name(out!);
  model.node('FusedMatMul', [name(x!), dense(weight, 'linear')], [product], { transB: 1 });
  if (bias) model.node('Add', [product, dense(bias, 'linear')], [name(out!)]);
};

function blockLinear(
  { inputs: [x], outputs: [out], attributes }: Parameters<LowerOp<'linear'>>[0],
  { bits, blockSize, multiplier, values, scales, zeroPoints }: BlockWeight,
  { model, name, dense, accuracyLevel }: Lowering,
): void {
  const { weight, bias } = attributes;
  const operands = [name(x!), values.name, scales.name];
  if (zeroPoints || bias) operands.push(zeroPoints?.name ?? '');
  if (multiplier === 'lingbi') {
    if (bias) operands.push(dense(bias, 'linear'));
    const lengths = { in: weight.shape[1]!, out: weight.shape[0]!, bits, block: blockSize };
    model.node('MultiplyBlocks', operands, [name(out!)], lengths);
    return;
  }
  if (bias) operands.push('', dense(bias, 'linear')); // The empty one is a reordering, g_idx.
  model.node('MatMulNBits', operands, [name(out!)], {
    K: weight.shape[1]!,
    N: weight.shape[0]!,
    bits,
    block_size: blockSize,
    accuracy_level: accuracyLevel,
  });
}

/** Two products and what a swiglu makes of them, in one pass over both weights. */
export function multiplyGated(
  { outputs: [out] }: NodeOf<'swiglu'>,
  { gate, up }: Gate,
  { model, name, encoded }: Lowering,
): void {
  const matrices = [gate, up].map(({ attributes }) => encoded(attributes.weight) as BlockWeight);
  const parts = matrices.flatMap(({ values, scales, zeroPoints }) => [
    ...[values.name, scales.name, zeroPoints?.name ?? ''],
  ]);
  const { bits, blockSize: block } = matrices[0]!;
  const [outWidth, inWidth] = gate.attributes.weight.shape;
  model.node('MultiplyGated', [name(gate.inputs[0]!), ...parts], [name(out!)], {
    ...{ in: inWidth!, out: outWidth!, bits, block },
  });
}

/** Activations are rounded to int8 with one scale for all rows of a run. */
function channelLinear(
  { inputs: [x], outputs: [out], attributes }: Parameters<LowerOp<'linear'>>[0],
  { values, scales }: ChannelWeight,
  { model, name, dense }: Lowering,
): void {
  const operands = [name(x!), values.name, scales.name];
  if (attributes.bias) operands.push('', dense(attributes.bias, 'linear')); // No zero points.
  model.node('DynamicQuantizeMatMul', operands, [name(out!)]);
}

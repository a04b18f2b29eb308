import type { NodeOf, Weight } from '@lingbi/core';
import type { Gate } from '../fuse-gates.ts';
import type { NormedSum } from '../fuse-normed-products.ts';
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
    model.node('MultiplyBlocks', operands, [name(out!)], lengthsOf(weight, { bits, blockSize }));
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

/** A product of rows that it adds and normalises by itself. */
export function multiplyNormed(
  { outputs: [out], attributes: { weight, bias } }: NodeOf<'linear'>,
  rows: NormedSum,
  lowering: Lowering,
): void {
  const block = lowering.encoded(weight) as BlockWeight;
  const offset = bias ? lowering.dense(bias, 'linear') : '';
  const normed = normOf(rows, lowering);
  lowering.model.node(
    'MultiplyNormed',
    [normed.rows, ...partsOf(block), offset, ...normed.inputs],
    [lowering.name(out!), normed.sum],
    { ...lengthsOf(weight, block), ...normed.attributes },
  );
}

/** Two products and what a swiglu makes of them, in one pass over both weights. */
export function multiplyGated(
  { outputs: [out] }: NodeOf<'swiglu'>,
  { gate, up }: Gate,
  lowering: Lowering,
  rows?: NormedSum,
): void {
  const { model, name, encoded } = lowering;
  const matrices = [gate, up].map(({ attributes }) => encoded(attributes.weight) as BlockWeight);
  const parts = matrices.flatMap(partsOf);
  const lengths = lengthsOf(gate.attributes.weight, matrices[0]!);
  if (!rows) {
    model.node('MultiplyGated', [name(gate.inputs[0]!), ...parts], [name(out!)], lengths);
    return;
  }
  const normed = normOf(rows, lowering);
  const operands = [normed.rows, ...parts, ...normed.inputs];
  const attributes = { ...lengths, ...normed.attributes };
  model.node('MultiplyGatedNormed', operands, [name(out!), normed.sum], attributes);
}

/** What an operator is given to add rows and to normalise them. */
function normOf({ sum, norm }: NormedSum, { name, dense }: Lowering) {
  const [rows, others] = sum.inputs.map(name) as [string, string];
  const { weight, epsilon } = norm.attributes;
  return {
    ...{ rows, sum: name(sum.outputs[0]!), inputs: [others, dense(weight, 'rmsNorm')] },
    attributes: { epsilon: { float: epsilon } },
  };
}

function partsOf({ values, scales, zeroPoints }: BlockWeight): readonly string[] {
  return [values.name, scales.name, zeroPoints?.name ?? ''];
}

function lengthsOf(
  { shape: [out, width] }: Weight,
  { bits, blockSize: block }: Pick<BlockWeight, 'bits' | 'blockSize'>,
) {
  return { in: width!, out: out!, bits, block };
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

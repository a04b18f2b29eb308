/**
 * Products with keys and values in int8, as integers, where no kernel of ours attends: both sides have to be whole numbers. Queries and
 * shares are rounded twice, what the first rounding leaves once more, so that only keys and values are
 * known by 8 bits.
 */
import { type CacheLayer, LARGEST_STEP } from '@lingbi/core';
import { KEY_ZERO } from '../int8-store.ts';
import type { Lowering } from '../lowering.ts';
import { elementTypes } from '../model-writer.ts';
import * as run from '../run-inputs.ts';
import { storedHeadDim } from '../stored-head-dim.ts';

/** Rows of every head and what a step of each is worth: [kvHeads, positions, headDim] and [kvHeads, positions, 1]. */
export interface RoundedRows {
  readonly steps: string;
  readonly sizes: string;
}

/** Below this a row counts as zeros: a step of it could not be divided by. */
const SMALLEST = 1e-30;

/** What a slot holds of some heads: of all, or the `at`-th so many. */
export function declareRounded(
  cache: CacheLayer,
  group: number,
  { model }: Lowering,
  at = 0,
): Readonly<Record<run.KvPart, RoundedRows>> {
  const positions = [cache.kvHeads, `positions${group}.int8`];
  const names = (part: run.KvPart) =>
    [run.steps(cache, part, group, at), run.stepSizes(cache, part, group, at)] as const;
  const input = (part: run.KvPart, type: 'uint8' | 'int8') => ({
    steps: model.input(names(part)[0], type, [...positions, storedHeadDim(cache)]),
    sizes: model.input(names(part)[1], 'float32', [...positions, 1]),
  });
  return { keys: input('keys', 'uint8'), values: input('values', 'int8') };
}

/** scale · q · kᵀ: [kvHeads, queries, headDim] → [kvHeads, queries, positions]. */
export function roundedScores(
  queries: string,
  { steps, sizes }: RoundedRows,
  scale: number,
  lowering: Lowering,
): string {
  const { model, add } = lowering;
  const size = stepSize(queries, lowering);
  const counted = add('Div', [queries, size]);
  const coarse = add('Round', [counted]);
  const finer = model.float(2 * LARGEST_STEP); // what is left is at most half a step
  const fine = add('Round', [add('Mul', [add('Sub', [counted, coarse]), finer])]);
  const whole = add('Cast', [add('Concat', [coarse, fine], { axis: 1 })], {
    to: elementTypes.int8,
  });
  const columns = add('Transpose', [whole], { perm: [0, 2, 1] });
  const products = add('MatMulInteger', [steps, columns, zeroOfKeys(lowering)]);
  const floats = add('Cast', [products], { to: elementTypes.float32 });
  const coarseSize = add('Mul', [size, model.float(scale)]);
  const worth = [coarseSize, add('Div', [coarseSize, finer])];
  const sums = addTwice(add('Transpose', [floats], { perm: [0, 2, 1] }), worth, lowering);
  return add('Mul', [sums, add('Transpose', [sizes], { perm: [0, 2, 1] })]);
}

/** Values by their shares: [kvHeads, queries, positions] → [kvHeads, queries, headDim]. */
export function roundedMix(
  shares: string,
  { steps, sizes }: RoundedRows,
  lowering: Lowering,
): string {
  const { model, add } = lowering;
  const weighted = add('Mul', [shares, add('Transpose', [sizes], { perm: [0, 2, 1] })]);
  const size = stepSize(weighted, lowering);
  const counted = add('Div', [weighted, size]);
  const coarse = add('Floor', [counted]);
  const finer = model.float(LARGEST_STEP);
  const fine = add('Round', [add('Mul', [add('Sub', [counted, coarse]), finer])]);
  const both = add('Concat', [coarse, fine], { axis: 1 });
  const products = add('MatMulInteger', [add('Cast', [both], { to: elementTypes.uint8 }), steps]);
  const floats = add('Cast', [products], { to: elementTypes.float32 });
  return addTwice(floats, [size, add('Div', [size, finer])], lowering);
}

/** New rows [kvHeads, tokens, headDim] rounded, under names of outputs. */
export function roundRows(
  rows: string,
  part: run.KvPart,
  { steps, sizes }: RoundedRows,
  lowering: Lowering,
): void {
  const { model, add } = lowering;
  model.node('Identity', [stepSize(rows, lowering)], [sizes]);
  const counted = add('Round', [add('Div', [rows, sizes])]);
  const isKeys = part === 'keys';
  const shifted = isKeys ? add('Add', [counted, model.float(KEY_ZERO)]) : counted;
  model.node('Cast', [shifted], [steps], { to: elementTypes[isKeys ? 'uint8' : 'int8'] });
}

/**
 * The numbers that rows stand for: [1, kvHeads, positions, headDim]. They wait for `after`:
 * otherwise ONNX Runtime would begin with those of all layers, and hold them until their turn comes.
 */
export function unrounded(
  { steps, sizes }: RoundedRows,
  part: run.KvPart,
  { kvHeads, headDim }: CacheLayer,
  after: string,
  lowering: Lowering,
): string {
  const { model, add } = lowering;
  const waited = add('Mul', [sizes, oneAfter(after, lowering)]);
  const flatSizes = add('Reshape', [waited, model.int64s(-1)]);
  const flat = [add('Reshape', [steps, model.int64s(-1, storedHeadDim({ headDim }))]), flatSizes];
  if (part === 'keys') {
    flat.push(add('Expand', [zeroOfKeys(lowering), add('Shape', [flatSizes])]));
  }
  const numbers = add('DequantizeLinear', flat, { axis: 0 });
  return add('Reshape', [numbers, model.int64s(1, kvHeads, -1, storedHeadDim({ headDim }))]);
}

/**
 * A number that is 1 as soon as a tensor is there. (Lengths would not do: ONNX Runtime asks one tensor
 * for those of all that have the same.)
 */
export function oneAfter(tensor: string, { model, add }: Lowering): string {
  const flat = add('Reshape', [tensor, model.int64s(-1)]);
  const first = add('Slice', [flat, model.int64s(0), model.int64s(1)]);
  return add('Sign', [add('Add', [add('Abs', [first]), model.float(1)])]);
}

/** What a step of each row is worth so that its largest number is 127 of them: [..., rows, 1]. */
function stepSize(rows: string, { model, add }: Lowering): string {
  const largest = add('ReduceMax', [add('Abs', [rows]), model.int64s(-1)], { keepdims: 1 });
  const some = add('Max', [largest, model.float(SMALLEST)]);
  return add('Mul', [some, model.float(1 / LARGEST_STEP)]);
}

/** The first half of the rows times what theirs are worth, and the second half of theirs. */
function addTwice(
  rows: string,
  [coarse, fine]: readonly string[],
  { model, add, fresh }: Lowering,
): string {
  const halves = [fresh('coarse'), fresh('fine')];
  model.node('Split', [rows], halves, { axis: 1, num_outputs: 2 });
  return add('Add', [add('Mul', [halves[0]!, coarse!]), add('Mul', [halves[1]!, fine!])]);
}

function zeroOfKeys({ model }: Lowering): string {
  return model.byte(KEY_ZERO);
}

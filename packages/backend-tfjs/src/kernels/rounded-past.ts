/**
 * Keys and values of one layer of one slot in int8. TensorFlow.js has no tensors of that, so they are
 * kept in arrays, and become tensors of one layer for as long as its attention runs.
 */
import { type CacheLayer, roundRow } from '@lingbi/core';
import type { Tensor3D } from '@tensorflow/tfjs';
import type { Place } from '../engines/engine.ts';
import type { KeysAndValues } from './attend.ts';

/** Shorter blocks are joined with what follows, so that there are never many. */
const SHORT_BLOCK = 128;

/** Rows of every head as whole numbers, [kvHeads, positions, headDim], and what a step of each is worth. */
interface RoundedRows {
  readonly steps: Int8Array;
  readonly sizes: Float32Array;
}

/** Consecutive positions; nobody writes into it. */
interface RoundedBlock {
  readonly keys: RoundedRows;
  readonly values: RoundedRows;
  readonly length: number;
}

/** Immutable; slots that were copied from each other share blocks. */
export interface RoundedPast {
  readonly roundedBlocks: readonly RoundedBlock[];
  clone(): RoundedPast;
  dispose(): void;
}

/** The first `length` positions of `past`, then the new ones, [tokens, kvHeads, headDim] each. */
export function appendRounded(
  past: RoundedPast | undefined,
  length: number,
  keys: Tensor3D,
  values: Tensor3D,
): RoundedPast {
  const added = { keys: round(keys), values: round(values), length: keys.shape[0] };
  const kvHeads = keys.shape[1];
  const blocks = firstPositions(past?.roundedBlocks ?? [], length, kvHeads);
  const last = blocks.at(-1);
  if (!last || last.length >= SHORT_BLOCK) return newPast([...blocks, added]);
  return newPast([...blocks.slice(0, -1), join(last, added, kvHeads)]);
}

/** The numbers that a past stands for. */
export function widen(
  { tf }: Place,
  { roundedBlocks: blocks }: RoundedPast,
  { kvHeads, headDim }: CacheLayer,
): KeysAndValues {
  const length = blocks.reduce((sum, block) => sum + block.length, 0);
  const keys = new Float32Array(kvHeads * length * headDim);
  const values = new Float32Array(keys.length);
  let from = 0;
  for (const block of blocks) {
    for (let head = 0; head < kvHeads; head++) {
      const start = head * length * headDim;
      widenColumns(block.keys, head * block.length, block.length, keys, start + from, length);
      widenRows(block.values, head * block.length, block.length, values, start + from * headDim);
    }
    from += block.length;
  }
  return {
    keys: [tf.tensor3d(keys, [kvHeads, headDim, length])],
    values: [tf.tensor3d(values, [kvHeads, length, headDim])],
    length,
  };
}

function newPast(roundedBlocks: readonly RoundedBlock[]): RoundedPast {
  return { roundedBlocks, clone: () => newPast(roundedBlocks), dispose: () => {} };
}

/** [tokens, kvHeads, headDim] → [kvHeads, tokens, headDim], each row by itself. */
function round(rows: Tensor3D): RoundedRows {
  const [tokens, kvHeads, headDim] = rows.shape;
  const numbers = rows.dataSync<'float32'>();
  const steps = new Int8Array(numbers.length);
  const sizes = new Float32Array(tokens * kvHeads);
  for (let head = 0; head < kvHeads; head++) {
    for (let token = 0; token < tokens; token++) {
      const [from, to] = [token * kvHeads + head, head * tokens + token];
      sizes[to] = roundRow(numbers, from * headDim, headDim, steps, to * headDim);
    }
  }
  return { steps, sizes };
}

/** What was truncated is still in the blocks. */
function firstPositions(
  blocks: readonly RoundedBlock[],
  length: number,
  kvHeads: number,
): RoundedBlock[] {
  let left = length;
  return blocks.flatMap((block) => {
    const own = Math.min(left, block.length);
    left -= own;
    if (own === 0) return [];
    return own === block.length ? [block] : [cut(block, own, kvHeads)];
  });
}

function cut({ keys, values, length: before }: RoundedBlock, length: number, kvHeads: number) {
  const first = (rows: RoundedRows) => joinRows([rows], [before], [length], kvHeads);
  return { keys: first(keys), values: first(values), length };
}

function join(first: RoundedBlock, second: RoundedBlock, kvHeads: number): RoundedBlock {
  const lengths = [first.length, second.length];
  const both = (part: 'keys' | 'values') =>
    joinRows([first[part], second[part]], lengths, lengths, kvHeads);
  return { keys: both('keys'), values: both('values'), length: first.length + second.length };
}

/** The first `kept` of each one's positions, one after the other in every head. */
function joinRows(
  parts: readonly RoundedRows[],
  lengths: readonly number[],
  kept: readonly number[],
  kvHeads: number,
): RoundedRows {
  const headDim = parts[0]!.steps.length / parts[0]!.sizes.length;
  const positions = kept.reduce((sum, count) => sum + count, 0);
  const steps = new Int8Array(kvHeads * positions * headDim);
  const sizes = new Float32Array(kvHeads * positions);
  let to = 0;
  for (let head = 0; head < kvHeads; head++) {
    for (const [index, part] of parts.entries()) {
      const from = head * lengths[index]!;
      const end = from + kept[index]!;
      sizes.set(part.sizes.subarray(from, end), to);
      steps.set(part.steps.subarray(from * headDim, end * headDim), to * headDim);
      to += kept[index]!;
    }
  }
  return { steps, sizes };
}

/** Rows `first` … `first + count` as rows, from `to` on. */
function widenRows(
  { steps, sizes }: RoundedRows,
  first: number,
  count: number,
  numbers: Float32Array,
  to: number,
): void {
  const headDim = steps.length / sizes.length;
  for (let row = first; row < first + count; row++) {
    const size = sizes[row]!;
    for (let i = row * headDim; i < (row + 1) * headDim; i++) numbers[to++] = steps[i]! * size;
  }
}

/** The same as columns that are `length` numbers long, the first of them at `to`. */
function widenColumns(
  { steps, sizes }: RoundedRows,
  first: number,
  count: number,
  numbers: Float32Array,
  to: number,
  length: number,
): void {
  const headDim = steps.length / sizes.length;
  for (let feature = 0; feature < headDim; feature++) {
    const at = to + feature * length;
    for (let row = 0; row < count; row++) {
      numbers[at + row] = steps[(first + row) * headDim + feature]! * sizes[first + row]!;
    }
  }
}

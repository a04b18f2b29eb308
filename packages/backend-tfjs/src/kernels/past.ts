/**
 * Keys and values of one layer of one slot. Tensors cannot be written into, and copying all of a
 * long past for every token would cost more than attending to it. So new positions join a short
 * recent block; when that is full it joins the settled one.
 */
import type { Place } from '../engines/engine.ts';
import type { KeysAndValues } from './attend.ts';
import { eachHead, type HeadMatrices, prefersSingleMatrices } from './head-matrices.ts';

/** Positions the recent block holds before it settles: copying it costs as much as a small linear. */
const RECENT_POSITIONS = 128;

/** Consecutive positions, and how many pasts hold them. */
interface Block extends KeysAndValues {
  readonly settled: boolean;
  holders: number;
}

/** Immutable; slots that were copied from each other share blocks. */
export interface Past {
  /** The settled block, then the recent one; either may be missing. */
  readonly blocks: readonly Block[];
  clone(): Past;
  dispose(): void;
}

/** The first `length` positions of `past`, then the new ones. `past` stays its owner's to dispose. */
export function appendPositions(
  engine: Place,
  past: Past | undefined,
  length: number,
  added: KeysAndValues,
): Past {
  const blocks = firstPositions(engine, past?.blocks ?? [], length);
  const settled = blocks.find((block) => block.settled);
  const recent = blocks.find((block) => !block.settled);
  const longer = recent ? join(engine, recent, added) : added;
  if (longer.length < RECENT_POSITIONS) {
    return newPast(engine, [...(settled ? [settled] : []), newBlock(longer, false)]);
  }
  const all = settled ? join(engine, settled, longer) : longer;
  return newPast(engine, [newBlock(apart(engine, all), true)]);
}

/** Holds its blocks until it is disposed; the last holder disposes them. */
function newPast(engine: Place, blocks: readonly Block[]): Past {
  for (const block of blocks) {
    block.holders++;
    for (const tensor of [...block.keys, ...block.values]) engine.tf.keep(tensor);
  }
  return {
    blocks,
    clone: () => newPast(engine, blocks),
    dispose: () => {
      for (const block of blocks) release(block);
    },
  };
}

function release(block: Block): void {
  if (--block.holders > 0) return;
  for (const tensor of [...block.keys, ...block.values]) tensor.dispose();
}

function newBlock({ keys, values, length }: KeysAndValues, settled: boolean): Block {
  return { keys, values, length, settled, holders: 0 };
}

/** What was truncated is still in the blocks; whole blocks are shared, others cut. */
function firstPositions(engine: Place, blocks: readonly Block[], length: number): Block[] {
  let left = length;
  return blocks.flatMap((block) => {
    const own = Math.min(left, block.length);
    left -= own;
    if (own === 0) return [];
    return own === block.length ? [block] : [cut(engine, block, own)];
  });
}

function cut({ tf }: Place, { keys, values, settled }: Block, length: number): Block {
  const shorter: KeysAndValues = {
    keys: keys.map((k) => tf.slice(k, [0, 0, 0], [k.shape[0], k.shape[1], length])),
    values: values.map((v) => tf.slice(v, [0, 0, 0], [v.shape[0], length, v.shape[2]])),
    length,
  };
  return newBlock(shorter, settled);
}

function join(engine: Place, first: KeysAndValues, second: KeysAndValues): KeysAndValues {
  return {
    keys: joinHeads(engine, first.keys, second.keys, 2),
    values: joinHeads(engine, first.values, second.values, 1),
    length: first.length + second.length,
  };
}

function joinHeads(
  engine: Place,
  first: HeadMatrices,
  second: HeadMatrices,
  axis: 1 | 2,
): HeadMatrices {
  const others = first.length > 1 ? eachHead(engine, second) : second;
  return first.map((matrix, index) => engine.tf.concat([matrix, others[index]!], axis));
}

/** A settled block lives long enough for the engine to pack each of its matrices once. */
function apart(engine: Place, block: KeysAndValues): KeysAndValues {
  if (!prefersSingleMatrices(engine)) return block;
  const { keys, values, length } = block;
  return { keys: eachHead(engine, keys), values: eachHead(engine, values), length };
}

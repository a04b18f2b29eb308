import type { CacheLayer, NodeOf } from '@lingbi/core';
import type { Lowering } from '../lowering.ts';
import * as run from '../run-inputs.ts';
import { storedHeadDim } from '../stored-head-dim.ts';
import { rotateRows, splitRows } from './branch-attention.ts';
import {
  declareRounded,
  oneAfter,
  type RoundedRows,
  roundRows,
  unrounded,
} from './rounded-products.ts';

/**
 * Attention of many rows of one sequence over a past in int8, where no kernel of ours attends:
 * GroupQueryAttention gets the numbers of a few heads of this layer for as long as it runs. [tokens, features] → [tokens, heads · headDim].
 */
export function attendChunk(
  rows: string,
  group: number,
  tables: readonly string[],
  node: NodeOf<'attention'>,
  lowering: Lowering,
): string {
  const { model, add } = lowering;
  const { cache } = node.attributes;
  const turned = splitRows(rotateRows(rows, group, tables, node, lowering), node, lowering);
  keepRows(turned, group, node, lowering);
  model.input(run.groupShape(group), 'int64', [3]);
  model.input(run.groupLastPositions(group), 'int32', [1]);
  model.input(run.groupLongest(group), 'int32', []);
  const kvHeads = headsAtOnce(cache);
  const apart = (name: string) => splitEvenly(name, cache.kvHeads / kvHeads, lowering);
  const queries = apart(turned.queries);
  const [keys, values] = [apart(turned.keys), apart(turned.values)];
  const attended = queries.map((_, at) => {
    const packed = add('Concat', [queries[at]!, keys[at]!, values[at]!], { axis: 1 });
    const past = declareRounded({ ...cache, kvHeads }, group, lowering, at);
    return attendHeads(packed, past, group, node, lowering);
  });
  return attended.length === 1 ? attended[0]! : add('Concat', attended, { axis: 1 });
}

type Names = readonly string[];

/** Attention of `headsAtOnce` key heads and the queries that share them. */
function attendHeads(
  packed: string,
  past: Readonly<Record<run.KvPart, RoundedRows>>,
  group: number,
  { attributes: { heads, cache } }: NodeOf<'attention'>,
  lowering: Lowering,
): string {
  const { model, add, fresh } = lowering;
  const kvHeads = headsAtOnce(cache);
  const ownHeads = (heads / cache.kvHeads) * kvHeads;
  const [attended, ...present] = [fresh('attended'), fresh('presentKeys'), fresh('presentValues')];
  model.node(
    'GroupQueryAttention',
    [
      add('Reshape', [packed, run.groupShape(group)]),
      ...['', ''], // Keys and values stand packed beside the queries.
      ...run.kvParts.map((part) =>
        unrounded(past[part], part, { ...cache, kvHeads }, packed, lowering),
      ),
      ...[run.groupLastPositions(group), run.groupLongest(group)],
    ],
    [attended, ...present],
    {
      ...{ num_heads: ownHeads, kv_num_heads: kvHeads, do_rotary: 0 },
      scale: { float: 1 / Math.sqrt(cache.headDim) },
    },
  );
  // A result that nothing reads would be held until the run is over.
  const read = present.map((name) => oneAfter(name, lowering));
  const freed = add('Mul', [attended, add('Mul', read)]);
  return add('Reshape', [freed, model.int64s(-1, ownHeads * storedHeadDim(cache))]);
}

/** Few, because their numbers are there twice while they are attended to. */
export function headsAtOnce({ kvHeads }: CacheLayer): number {
  return kvHeads % 2 === 0 ? 2 : 1;
}

/** Features of equally many heads. */
function splitEvenly(name: string, parts: number, lowering: Lowering): Names {
  if (parts === 1) return [name];
  const names = Array.from({ length: parts }, () => lowering.fresh('heads'));
  lowering.model.node('Split', [name], names, { axis: 1, num_outputs: parts });
  return names;
}

/** New keys and values as the cache will keep them. */
function keepRows(
  rows: Readonly<Record<run.KvPart, string>>,
  group: number,
  { attributes: { cache } }: NodeOf<'attention'>,
  lowering: Lowering,
): void {
  const { model, add } = lowering;
  const headDim = storedHeadDim(cache);
  const tokens = [cache.kvHeads, `tokens${group}`];
  for (const part of run.kvParts) {
    const apart = add('Reshape', [rows[part], model.int64s(-1, cache.kvHeads, headDim)]);
    const byHead = add('Transpose', [apart], { perm: [1, 0, 2] });
    const out = {
      steps: run.freshSteps(cache, part, group),
      sizes: run.freshSizes(cache, part, group),
    };
    roundRows(byHead, part, out, lowering);
    model.output(out.steps, part === 'keys' ? 'uint8' : 'int8', [...tokens, headDim]);
    model.output(out.sizes, 'float32', [...tokens, 1]);
  }
}

import type { CacheLayer, NodeOf } from '@lingbi/core';
import type { Lowering } from '../lowering.ts';
import * as run from '../run-inputs.ts';
import { storedHeadDim } from '../stored-head-dim.ts';

/**
 * Attention of sequences that continue one slot, [tokens, features] → [tokens, heads · headDim]. The
 * queries of all of them, and of all heads that share keys, meet these in one product, so keys and
 * values of what they continue are read once; GroupQueryAttention would read them for every head of
 * every sequence.
 */
export function attendBranches(
  rows: string,
  group: number,
  tables: readonly string[],
  node: NodeOf<'attention'>,
  lowering: Lowering,
): string {
  const { heads, cache } = node.attributes;
  const { model, add, fresh } = lowering;
  const headDim = storedHeadDim(cache);
  const widths = [heads, cache.kvHeads, cache.kvHeads].map((count) => count * headDim);
  const [queries, keys, values] = ['queries', 'keys', 'values'].map(fresh) as Three;
  const turned = tables.length > 0 ? rotateRows(rows, group, tables, node, lowering) : rows;
  model.node('Split', [turned, model.int64s(...widths)], [queries, keys, values], { axis: 1 });
  const byHead = groupQueries(queries, node, lowering);
  const parts = partsOf(cache, group, { keys, values }, lowering);
  const shares = weigh(byHead, parts.keys, group, node, lowering);
  const mixed = parts.values
    .map((value, part) => add('MatMul', [shares[part]!, value]))
    .reduce((sum, each) => add('Add', [sum, each]));
  return ungroupQueries(mixed, node, lowering);
}

type Three = [string, string, string];

/** Queries and keys turned by the angles of their rows. */
function rotateRows(
  rows: string,
  group: number,
  tables: readonly string[],
  { attributes: { heads, cache } }: NodeOf<'attention'>,
  { model, add, fresh }: Lowering,
): string {
  model.input(run.groupRowNumbers(group), 'int64', [1, `tokens${group}`]);
  const [queriesKeys, values] = [fresh('queriesKeys'), fresh('values')];
  const turning = heads + cache.kvHeads;
  const widths = model.int64s(turning * cache.headDim, cache.kvHeads * cache.headDim);
  model.node('Split', [rows, widths], [queriesKeys, values], { axis: 1 });
  const axis = model.int64s(0);
  const operands = [add('Unsqueeze', [queriesKeys, axis]), run.groupRowNumbers(group), ...tables];
  const turned = add('RotaryEmbedding', operands, { num_heads: turning });
  return add('Concat', [add('Squeeze', [turned, axis]), values], { axis: 1 });
}

/** [tokens, heads · headDim] → [kvHeads, tokens · group, headDim]. */
function groupQueries(
  queries: string,
  { attributes: { heads, cache } }: NodeOf<'attention'>,
  { model, add }: Lowering,
): string {
  const { kvHeads } = cache;
  const headDim = storedHeadDim(cache);
  const apart = add('Reshape', [queries, model.int64s(-1, kvHeads, heads / kvHeads, headDim)]);
  const byHead = add('Transpose', [apart], { perm: [1, 0, 2, 3] });
  return add('Reshape', [byHead, model.int64s(kvHeads, -1, headDim)]);
}

function ungroupQueries(
  mixed: string,
  { attributes: { heads, cache } }: NodeOf<'attention'>,
  { model, add }: Lowering,
): string {
  const { kvHeads } = cache;
  const headDim = storedHeadDim(cache);
  const apart = add('Reshape', [mixed, model.int64s(kvHeads, -1, heads / kvHeads, headDim)]);
  const byRow = add('Transpose', [apart], { perm: [1, 0, 2, 3] });
  return add('Reshape', [byRow, model.int64s(-1, heads * headDim)]);
}

/** What is continued, what was appended, and the new rows, which the run hands out as well. */
function partsOf(
  cache: CacheLayer,
  group: number,
  rows: Readonly<Record<run.KvPart, string>>,
  { model, add }: Lowering,
): Readonly<Record<run.KvPart, readonly string[]>> {
  const headDim = storedHeadDim(cache);
  const parts = (part: run.KvPart) => {
    const shape = [cache.kvHeads, `shared${group}`, headDim];
    const shared = model.input(run.shared(cache, part, group), 'float32', shape);
    const places = [cache.kvHeads, `places${group}`, headDim];
    const log = model.input(run.log(cache, part, group), 'float32', places);
    const apart = add('Reshape', [rows[part], model.int64s(-1, cache.kvHeads, headDim)]);
    const fresh = run.fresh(cache, part, group);
    model.node('Transpose', [apart], [fresh], { perm: [1, 0, 2] });
    model.output(fresh, 'float32', [cache.kvHeads, `tokens${group}`, headDim]);
    return [shared, log, fresh];
  };
  return { keys: parts('keys'), values: parts('values') };
}

/** The weight of every position for every query, split into the three parts. */
function weigh(
  queries: string,
  keys: readonly string[],
  group: number,
  { attributes: { heads, cache } }: NodeOf<'attention'>,
  { model, add, fresh }: Lowering,
): readonly string[] {
  const { kvHeads, headDim } = cache;
  const scale = { transB: 1, alpha: { float: 1 / Math.sqrt(headDim) } };
  const scores = keys.map((part) => add('FusedMatMul', [queries, part], scale));
  model.input(run.groupMask(group), 'float32', [`tokens${group}`, 1, `positions${group}`]);
  model.input(run.groupParts(group), 'int64', [keys.length]);
  const all = add('Concat', scores, { axis: 2 });
  // The last axis takes what is left, the tokens are told by the mask: [kvHeads, tokens, group, …].
  const tokens = add('Shape', [run.groupMask(group)], { start: 0, end: 1 });
  const split = [model.int64s(kvHeads), tokens, model.int64s(heads / kvHeads), model.int64s(-1)];
  const apart = add('Reshape', [all, add('Concat', split, { axis: 0 })]);
  const masked = add('Add', [apart, run.groupMask(group)]);
  const weights = add('Softmax', [masked], { axis: -1 });
  const joined = add('Reshape', [weights, add('Shape', [all])]);
  const parts = keys.map(() => fresh('weights'));
  model.node('Split', [joined, run.groupParts(group)], parts, { axis: 2 });
  return parts;
}

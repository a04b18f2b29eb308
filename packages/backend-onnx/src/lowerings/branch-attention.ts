import type { CacheLayer, NodeOf } from '@lingbi/core';
import type { Lowering } from '../lowering.ts';
import * as run from '../run-inputs.ts';
import { storedHeadDim } from '../stored-head-dim.ts';
import { attendToBranches } from './kernel-attention.ts';
import { declareRounded, roundedMix, roundedScores } from './rounded-products.ts';

/**
 * Attention of sequences that continue one slot, [tokens, features] → [tokens, heads · headDim]. Where no
 * kernel of ours attends, the queries of all of them, and of all heads that share keys, meet these in one
 * product, so keys and values of what they continue are read once; GroupQueryAttention would read them
 * for every head of every sequence.
 */
export function attendBranches(
  rows: string,
  group: number,
  tables: readonly string[],
  node: NodeOf<'attention'>,
  lowering: Lowering,
): string {
  if (lowering.ownAttention) return attendToBranches(rows, group, tables, node, lowering);
  const turned = rotateRows(rows, group, tables, node, lowering);
  const { queries, keys, values } = splitRows(turned, node, lowering);
  const byHead = groupQueries(queries, node, lowering);
  const parts = partsOf(node, group, { keys, values }, lowering);
  const shares = weigh(byHead, parts, group, node, lowering);
  const mixed = parts
    .map((part, place) => part.mix(shares[place]!))
    .reduce((sum, each) => lowering.add('Add', [sum, each]));
  return ungroupQueries(mixed, node, lowering);
}

/** Rows as queries, keys and values: [tokens, heads or kvHeads · headDim]. */
export function splitRows(
  rows: string,
  { attributes: { heads, cache } }: NodeOf<'attention'>,
  { model, fresh }: Lowering,
): Readonly<Record<'queries' | run.KvPart, string>> {
  const widths = [heads, cache.kvHeads, cache.kvHeads].map((count) => count * storedHeadDim(cache));
  const [queries, keys, values] = ['queries', 'keys', 'values'].map(fresh) as [
    string,
    string,
    string,
  ];
  model.node('Split', [rows, model.int64s(...widths)], [queries, keys, values], { axis: 1 });
  return { queries, keys, values };
}

/** Queries and keys turned by the angles of their rows, unless they are already. */
export function rotateRows(
  rows: string,
  group: number,
  tables: readonly string[],
  { attributes: { heads, cache } }: NodeOf<'attention'>,
  { model, add, fresh }: Lowering,
): string {
  if (tables.length === 0) return rows;
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

/** Consecutive positions that queries meet: [kvHeads, queries, headDim] against [kvHeads, positions, headDim]. */
interface Part {
  /** [kvHeads, queries, positions], before the softmax. */
  scores(queries: string): string;
  /** [kvHeads, queries, headDim]: values by the shares of their positions. */
  mix(shares: string): string;
}

/** What is continued, what was appended, and the new rows, which the run hands out as well. */
function partsOf(
  node: NodeOf<'attention'>,
  group: number,
  rows: Readonly<Record<run.KvPart, string>>,
  lowering: Lowering,
): readonly Part[] {
  const { cache } = node.attributes;
  const kind = lowering.groups[group];
  const plain = (keys: string, values: string) => plainPart(keys, values, node, lowering);
  const fresh = handOut(cache, group, rows, lowering);
  const own = plain(fresh.keys, fresh.values);
  if (kind === 'int8') return [roundedPart(group, node, lowering), own];
  const given = (name: typeof run.log, length: string) => {
    const shape = [cache.kvHeads, length, storedHeadDim(cache)];
    const input = (part: run.KvPart) =>
      lowering.model.input(name(cache, part, group), 'float32', shape);
    return plain(input('keys'), input('values'));
  };
  const shared =
    kind === 'int8Branches'
      ? roundedPart(group, node, lowering)
      : given(run.shared, `shared${group}`);
  return [shared, given(run.log, `places${group}`), own];
}

/** New rows by head, [kvHeads, tokens, headDim], as outputs of the model. */
function handOut(
  cache: CacheLayer,
  group: number,
  rows: Readonly<Record<run.KvPart, string>>,
  { model, add }: Lowering,
): Readonly<Record<run.KvPart, string>> {
  const headDim = storedHeadDim(cache);
  const out = (part: run.KvPart) => {
    const apart = add('Reshape', [rows[part], model.int64s(-1, cache.kvHeads, headDim)]);
    const fresh = run.fresh(cache, part, group);
    model.node('Transpose', [apart], [fresh], { perm: [1, 0, 2] });
    return model.output(fresh, 'float32', [cache.kvHeads, `tokens${group}`, headDim]);
  };
  return { keys: out('keys'), values: out('values') };
}

function plainPart(
  keys: string,
  values: string,
  { attributes: { cache } }: NodeOf<'attention'>,
  { add }: Lowering,
): Part {
  const scale = { transB: 1, alpha: { float: 1 / Math.sqrt(cache.headDim) } };
  return {
    scores: (queries) => add('FusedMatMul', [queries, keys], scale),
    mix: (shares) => add('MatMul', [shares, values]),
  };
}

function roundedPart(
  group: number,
  { attributes: { cache } }: NodeOf<'attention'>,
  lowering: Lowering,
): Part {
  const slot = declareRounded(cache, group, lowering);
  return {
    scores: (queries) => roundedScores(queries, slot.keys, 1 / Math.sqrt(cache.headDim), lowering),
    mix: (shares) => roundedMix(shares, slot.values, lowering),
  };
}

/** The weight of every position for every query, split into the parts. */
function weigh(
  queries: string,
  parts: readonly Part[],
  group: number,
  { attributes: { heads, cache } }: NodeOf<'attention'>,
  { model, add, fresh }: Lowering,
): readonly string[] {
  const { kvHeads } = cache;
  const scores = parts.map((part) => part.scores(queries));
  model.input(run.groupMask(group), 'float32', [`tokens${group}`, 1, `positions${group}`]);
  model.input(run.groupParts(group), 'int64', [parts.length]);
  const all = add('Concat', scores, { axis: 2 });
  // The last axis takes what is left, the tokens are told by the mask: [kvHeads, tokens, group, …].
  const tokens = add('Shape', [run.groupMask(group)], { start: 0, end: 1 });
  const split = [model.int64s(kvHeads), tokens, model.int64s(heads / kvHeads), model.int64s(-1)];
  const apart = add('Reshape', [all, add('Concat', split, { axis: 0 })]);
  const masked = add('Add', [apart, run.groupMask(group)]);
  const weights = add('Softmax', [masked], { axis: -1 });
  const joined = add('Reshape', [weights, add('Shape', [all])]);
  const shares = parts.map(() => fresh('weights'));
  model.node('Split', [joined, run.groupParts(group)], shares, { axis: 2 });
  return shares;
}

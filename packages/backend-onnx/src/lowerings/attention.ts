import type { NodeOf, Tensor } from '@lingbi/core';
import type { Lowering, LowerOp } from '../lowering.ts';
import * as run from '../run-inputs.ts';
import { storedHeadDim } from '../stored-head-dim.ts';
import { attendBranches } from './branch-attention.ts';
import { attendChunk } from './chunk-attention.ts';
import { attendToPast, attendToRounded, declareCache } from './kernel-attention.ts';

/** All rows belong to one picture: nothing is masked. */
export const selfAttention: LowerOp<'selfAttention'> = (
  { inputs, outputs: [out], attributes: { heads } },
  { model, name, add },
) => {
  const axis = model.int64s(0);
  const isBatched = inputs[0]!.shape.length === 3;
  const batched = inputs.map((each) =>
    isBatched ? name(each) : add('Unsqueeze', [name(each), axis]),
  );
  const attended = add('MultiHeadAttention', batched, { num_heads: heads });
  if (isBatched) return model.node('Identity', [attended], [name(out!)]);
  model.node('Squeeze', [attended, axis], [name(out!)]);
};

/**
 * Each group of sequences attends by itself; past and present are bound to one buffer, so the cache grows
 * in place.
 */
export const attention: LowerOp<'attention'> = (node, lowering) => {
  const { model, name, add, groups } = lowering;
  const prepared = prepareRows(node, lowering);
  const rows = splitGroups(prepared.rows, lowering);
  const attended = rows.map((each, group) => {
    return attends[groups[group]!](each, group, prepared.tables, node, lowering);
  });
  const joined = groups.length === 1 ? attended[0]! : add('Concat', attended, { axis: 0 });
  const unpadded = unpadHeads(joined, node, lowering);
  model.node('Identity', [unpadded], [name(node.outputs[0]!)]);
};

const attends = {
  slots: attendGroup,
  branches: attendBranches,
  halfSlots: attendToPast,
  halfBranches: attendBranches,
  int8Slot: attendToRounded,
  int8Branches: attendBranches,
  int8: attendBranches,
  int8Chunk: attendChunk,
};

interface PreparedRows {
  /** [tokens, heads and kvHeads · storedHeadDim]: what attention operators read. */
  readonly rows: string;
  /** Cosines and sines that they rotate by; none when the rows are rotated already. */
  readonly tables: readonly string[];
}

function prepareRows(node: NodeOf<'attention'>, lowering: Lowering): PreparedRows {
  const [qkv, cos, sin] = node.inputs as readonly [Tensor, Tensor, Tensor];
  const tables = [cos, sin].flatMap((angles) => lowering.rotaryTable(angles) ?? []);
  if (tables.length === 2) return { rows: lowering.name(qkv), tables };
  return { rows: padHeads(rotate(node, lowering), node, lowering), tables: [] };
}

function attendGroup(
  rows: string,
  group: number,
  tables: readonly string[],
  node: NodeOf<'attention'>,
  lowering: Lowering,
): string {
  const attend = lowering.ownAttention ? attendToPast : attendByRuntime;
  return attend(rows, group, tables, node, lowering);
}

/** By ONNX Runtime's GroupQueryAttention. */
function attendByRuntime(
  rows: string,
  group: number,
  tables: readonly string[],
  { attributes: { heads, cache } }: NodeOf<'attention'>,
  { model, add, fresh }: Lowering,
): string {
  const { kvHeads, headDim } = cache;
  model.input(run.groupShape(group), 'int64', [3]);
  model.input(run.groupLastPositions(group), 'int32', [`sequences${group}`]);
  model.input(run.groupLongest(group), 'int32', []);
  if (tables.length > 0) {
    model.input(run.groupRowNumbers(group), 'int64', [`sequences${group}`, `tokens${group}`]);
  }
  const attended = fresh('attended');
  model.node(
    'GroupQueryAttention',
    [
      add('Reshape', [rows, run.groupShape(group)]),
      '', // Keys and values stand packed beside the queries.
      '',
      ...declareCache(cache, group, model),
      run.groupLastPositions(group),
      run.groupLongest(group),
      ...(tables.length > 0 ? [...tables, run.groupRowNumbers(group)] : []),
    ],
    [attended, ...run.kvParts.map((part) => run.present(cache, part, group))],
    {
      num_heads: heads,
      kv_num_heads: kvHeads,
      do_rotary: tables.length > 0 ? 1 : 0,
      scale: { float: 1 / Math.sqrt(headDim) },
    },
  );
  return add('Reshape', [attended, model.int64s(-1, heads * storedHeadDim(cache))]);
}

/** The rows of each group; a single group has them all. */
function splitGroups(rows: string, { model, groups, fresh }: Lowering): readonly string[] {
  if (groups.length === 1) return [rows];
  model.input(run.groupRows, 'int64', [groups.length]);
  const parts = groups.map(() => fresh('rows'));
  model.node('Split', [rows, run.groupRows], parts, { axis: 0 });
  return parts;
}

/** Rotates queries and keys by the rows' own angles: [tokens, features] → the same. */
function rotate(node: NodeOf<'attention'>, lowering: Lowering): string {
  const [qkv, cos, sin] = node.inputs as readonly [Tensor, Tensor, Tensor];
  const { heads, cache } = node.attributes;
  const { model, add, name, fresh } = lowering;
  const rotated = (heads + cache.kvHeads) * cache.headDim;
  const [queriesKeys, values] = [fresh('queriesKeys'), fresh('values')];
  const widths = model.int64s(rotated, cache.kvHeads * cache.headDim);
  model.node('Split', [name(qkv), widths], [queriesKeys, values], { axis: 1 });
  model.input(run.rowNumbers, 'int64', [1, 'tokens']);
  const axis = model.int64s(0);
  const turned = add(
    'RotaryEmbedding',
    [add('Unsqueeze', [queriesKeys, axis]), run.rowNumbers, name(cos), name(sin)],
    { num_heads: heads + cache.kvHeads },
  );
  return add('Concat', [add('Squeeze', [turned, axis]), values], { axis: 1 });
}

function padHeads(rows: string, node: NodeOf<'attention'>, { model, add }: Lowering): string {
  const { heads, cache } = node.attributes;
  const [given, stored] = [cache.headDim, storedHeadDim(cache)];
  if (given === stored) return rows;
  const all = heads + 2 * cache.kvHeads;
  const apart = add('Reshape', [rows, model.int64s(-1, all, given)]);
  const padded = add('Pad', [apart, model.int64s(0, 0, 0, 0, 0, stored - given)]);
  return add('Reshape', [padded, model.int64s(-1, all * stored)]);
}

function unpadHeads(rows: string, node: NodeOf<'attention'>, { model, add }: Lowering): string {
  const { heads, cache } = node.attributes;
  const [given, stored] = [cache.headDim, storedHeadDim(cache)];
  if (given === stored) return rows;
  const apart = add('Reshape', [rows, model.int64s(-1, heads, stored)]);
  const kept = add('Slice', [apart, model.int64s(0), model.int64s(given), model.int64s(2)]);
  return add('Reshape', [kept, model.int64s(-1, heads * given)]);
}

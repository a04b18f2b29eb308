/** Attention by kernels of ours (native/): keys and values are read where the cache has them, in int8 too. */
import type { CacheLayer, NodeOf } from '@lingbi/core';
import type { Lowering } from '../lowering.ts';
import * as run from '../run-inputs.ts';
import { storedHeadDim } from '../stored-head-dim.ts';
import { declareRounded } from './rounded-products.ts';

/** Sequences in slots of their own (native/attend-to-past.c). */
export function attendToPast(
  rows: string,
  group: number,
  tables: readonly string[],
  { attributes }: NodeOf<'attention'>,
  { model, fresh, groups }: Lowering,
): string {
  const isHalf = groups[group] === 'halfSlots';
  model.input(run.groupLastPositions(group), 'int32', [`sequences${group}`]);
  model.input(run.groupRowNumbers(group), 'int64', [`sequences${group}`, `tokens${group}`]);
  const { cache } = attributes;
  const past = declareCache(cache, group, model, isHalf ? 'float16' : 'float32');
  const attended = fresh('attended');
  model.node(
    isHalf ? 'AttendToHalfPast' : 'AttendToPast',
    [rows, ...past, run.groupLastPositions(group), ...tables, run.groupRowNumbers(group)],
    [attended, ...run.kvParts.map((part) => run.present(cache, part, group))],
    attributesOf(attributes),
  );
  return attended;
}

/** What all of them are told. */
function attributesOf({ heads, cache }: NodeOf<'attention'>['attributes']) {
  return { heads, scale: { float: 1 / Math.sqrt(cache.headDim) } };
}

export function declareCache(
  cache: CacheLayer,
  group: number,
  model: Lowering['model'],
  type: 'float32' | 'float16' = 'float32',
): readonly string[] {
  const shape = [`sequences${group}`, cache.kvHeads, 'capacity', storedHeadDim(cache)];
  return run.kvParts.map((part) => {
    model.output(run.present(cache, part, group), type, shape);
    return model.input(run.past(cache, part, group), type, shape);
  });
}

/** A sequence over a past in int8, where its new rows are rounded too (native/attend-to-rounded.c). */
export function attendToRounded(
  rows: string,
  group: number,
  tables: readonly string[],
  { attributes }: NodeOf<'attention'>,
  lowering: Lowering,
): string {
  const { model, fresh } = lowering;
  const { cache } = attributes;
  const { keys, values } = declareRounded(cache, group, lowering);
  const last = model.input(run.groupLastPositions(group), 'int32', [1]);
  const angles = model.input(run.groupRowNumbers(group), 'int64', [1, `tokens${group}`]);
  const attended = fresh('attended');
  model.node(
    'AttendToRounded',
    [rows, keys.steps, values.steps, keys.sizes, values.sizes, last, ...tables, angles],
    [attended, ...declarePresent(cache, group, model)],
    attributesOf(attributes),
  );
  return attended;
}

function declarePresent(
  cache: CacheLayer,
  group: number,
  model: Lowering['model'],
): readonly string[] {
  const positions = [cache.kvHeads, `positions${group}.int8`];
  const steps = (part: run.KvPart, type: 'uint8' | 'int8') =>
    model.output(run.presentSteps(cache, part, group), type, [...positions, storedHeadDim(cache)]);
  const sizes = (part: run.KvPart) =>
    model.output(run.presentSizes(cache, part, group), 'float32', [...positions, 1]);
  return [steps('keys', 'uint8'), steps('values', 'int8'), sizes('keys'), sizes('values')];
}

/**
 * Sequences that continue one slot: to what that holds, to the log of what they appended, and to each
 * other (native/attend-to-branches.c).
 */
export function attendToBranches(
  rows: string,
  group: number,
  tables: readonly string[],
  { attributes }: NodeOf<'attention'>,
  lowering: Lowering,
): string {
  const { model, fresh, groups } = lowering;
  const { cache } = attributes;
  const isRounded = groups[group] === 'int8Branches';
  const isHalf = groups[group] === 'halfBranches';
  const inputs = numbersOf(cache, group, lowering);
  const shared = () => inputs(run.shared, 'shared', isHalf ? 'float16' : 'float32');
  const tokens = `tokens${group}`;
  const angles = model.input(run.groupRowNumbers(group), 'int64', [1, tokens]);
  const attended = fresh('attended');
  model.node(
    `AttendTo${isRounded ? 'Rounded' : isHalf ? 'Half' : ''}Branches`,
    [
      rows,
      ...(isRounded ? sharedSteps(cache, group, lowering) : [...shared(), '', '']),
      ...inputs(run.log, 'places'),
      model.input(run.groupMask(group), 'float32', [tokens, 1, `positions${group}`]),
      ...tables,
      angles,
    ],
    [attended, ...declareFresh(cache, group, model)],
    attributesOf(attributes),
  );
  return attended;
}

/** Keys and values as numbers: [kvHeads, length, headDim]. */
function numbersOf(cache: CacheLayer, group: number, { model }: Lowering) {
  return (name: typeof run.log, length: string, type: 'float32' | 'float16' = 'float32') =>
    run.kvParts.map((part) => {
      const shape = [cache.kvHeads, `${length}${group}`, storedHeadDim(cache)];
      return model.input(name(cache, part, group), type, shape);
    });
}

function sharedSteps(cache: CacheLayer, group: number, lowering: Lowering): readonly string[] {
  const { keys, values } = declareRounded(cache, group, lowering);
  return [keys.steps, values.steps, keys.sizes, values.sizes];
}

function declareFresh(
  cache: CacheLayer,
  group: number,
  model: Lowering['model'],
): readonly string[] {
  const shape = [cache.kvHeads, `tokens${group}`, storedHeadDim(cache)];
  return run.kvParts.map((part) => model.output(run.fresh(cache, part, group), 'float32', shape));
}

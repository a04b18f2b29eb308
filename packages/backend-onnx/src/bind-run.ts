import {
  type DeviceTensor,
  type Graph,
  type HostArray,
  type HostTensor,
  type Inputs,
  keptRows,
  type Lengths,
  RunError,
  type RunSegment,
} from '@lingbi/core';
import { OnnxTensor } from './device-tensor.ts';
import type { Int8Store, SlotPart } from './int8-store.ts';
import type { OnnxCache } from './kv-cache.ts';
import { bufferKey } from './kv-store.ts';
import type { Runtime } from './library.ts';
import type { LoweredGraph } from './lower-graph.ts';
import type { ElementType } from './model-writer.ts';
import * as run from './run-inputs.ts';
import { branchMask, type SegmentGroup } from './segment-groups.ts';
import type { OnnxSession } from './session.ts';
import { type ElementArray, valueOver, viewNumbers } from './values.ts';

export interface RunPlan {
  readonly graph: Graph;
  readonly inputs: Inputs;
  readonly lengths: Lengths;
  readonly segments: readonly RunSegment[];
  readonly groups: readonly SegmentGroup[];
  readonly cache: OnnxCache | undefined;
}

/** Numbers of up to so many bytes are copied: that is quicker than to make a tensor of them anew. */
const COPIED_BYTES = 4096;

/** Binds everything one run needs. What it makes for that is disposed with the result. */
export function bindRun(
  runtime: Runtime,
  session: OnnxSession,
  lowered: LoweredGraph,
  plan: RunPlan,
): Disposable {
  const binder = new RunBinder(runtime, session, lowered);
  try {
    bindGraphInputs(binder, plan);
    bindLayout(binder, plan);
    for (const [index, group] of plan.groups.entries()) bindGroup(binder, index, group, plan);
    return binder;
  } catch (error) {
    binder[Symbol.dispose]();
    throw error;
  }
}

class RunBinder implements Disposable {
  readonly #made: Disposable[] = [];

  constructor(
    readonly runtime: Runtime,
    readonly session: OnnxSession,
    readonly lowered: LoweredGraph,
  ) {}

  asksFor(name: string): boolean {
    return this.lowered.inputs.has(name);
  }

  /** Binds numbers under a name, unless the model never asks for it. */
  numbers(name: string, type: ElementType, shape: readonly number[], data: ElementArray): void {
    if (!this.asksFor(name)) return;
    if (data.byteLength <= COPIED_BYTES) this.session.bindNumbers(name, type, shape, data);
    else {
      const value = valueOver(this.runtime, type, shape, data);
      this.#made.push(value);
      this.session.bindInput(name, value);
    }
  }

  /** Binds a copy of numbers that stays bound when the run has ended, unless the model never asks for it. */
  kept(name: string, type: ElementType, shape: readonly number[], data: ElementArray): void {
    if (this.asksFor(name)) this.session.bindNumbers(name, type, shape, data);
  }

  tensor(name: string, tensor: OnnxTensor): void {
    if (!this.asksFor(name)) return;
    const loan = tensor.lend();
    this.#made.push(loan);
    this.session.bindInput(name, loan.value);
  }

  [Symbol.dispose](): void {
    for (const each of this.#made) each[Symbol.dispose]();
  }
}

function bindGraphInputs(binder: RunBinder, plan: RunPlan): void {
  for (const [key, given] of Object.entries(plan.inputs)) {
    if (binder.lowered.tableInputs.includes(key)) bindTable(binder, key, given, plan);
    else if ('data' in given) {
      binder.numbers(run.graphInput(key), given.dtype, given.shape, given.data);
    } else binder.tensor(run.graphInput(key), ownTensor(given, key));
  }
}

/**
 * GroupQueryAttention checks that its tables are as long as the sequence. Only the rows that the
 * tokens name are read, so the rest needs no numbers.
 */
function bindTable(
  binder: RunBinder,
  key: string,
  given: HostTensor | DeviceTensor,
  { cache }: RunPlan,
): void {
  const [tokens, width] = given.shape as readonly [number, number];
  const rows = Math.max(tokens, cache!.capacity);
  const data = 'data' in given ? given.data : readInPlace(binder.runtime, ownTensor(given, key));
  binder.session.bindNumbers(run.rotaryTable(key), 'float32', [rows, width], data);
}

function readInPlace(runtime: Runtime, tensor: OnnxTensor): HostArray {
  return viewNumbers(runtime, tensor.open(), tensor.dtype);
}

/** What depends on how many rows there are, and on nothing else: from step to step it stays. */
function bindLayout(binder: RunBinder, plan: RunPlan): void {
  const kept = plan.segments.map(({ tokens, kept = 1 }) => `${tokens}/${kept}`);
  const grouped = plan.groups.map(({ tokens, pasts }) => `${pasts.length}*${tokens}`);
  binder.session.bindList(run.layout, `${kept} ${grouped}`, () => {
    bindRows(binder, plan);
    bindGroupRows(binder, plan);
  });
}

function bindRows(binder: RunBinder, { segments, groups }: RunPlan): void {
  const tokens = segments.reduce((sum, segment) => sum + segment.tokens, 0);
  const kept = BigInt64Array.from(keptRows(segments), BigInt);
  binder.kept(run.keptRows, 'int64', [kept.length], kept);
  binder.kept(run.rowNumbers, 'int64', [1, tokens], upFrom(0, tokens));
  const rows = groups.map(({ tokens, pasts }) => BigInt(tokens * pasts.length));
  binder.kept(run.groupRows, 'int64', [groups.length], BigInt64Array.from(rows));
}

function bindGroupRows(binder: RunBinder, { groups }: RunPlan): void {
  let row = 0;
  for (const [index, { tokens, pasts }] of groups.entries()) {
    const sequences = pasts.length;
    const shape = BigInt64Array.from([sequences, tokens, -1], BigInt);
    const rowNumbers = upFrom(row, sequences * tokens);
    binder.kept(run.groupShape(index), 'int64', [3], shape);
    binder.kept(run.groupRowNumbers(index), 'int64', [sequences, tokens], rowNumbers);
    row += sequences * tokens;
  }
}

function bindGroup(binder: RunBinder, index: number, group: SegmentGroup, plan: RunPlan): void {
  const { pasts, tokens } = group;
  const longest = Math.max(...pasts) + tokens;
  const lastPositions = Int32Array.from(pasts, (past) => past + tokens - 1);
  binder.numbers(run.groupLastPositions(index), 'int32', [pasts.length], lastPositions);
  binder.numbers(run.groupLongest(index), 'int32', [], Int32Array.of(longest));
  if (group.kind === 'slots' || group.kind === 'halfSlots') bindSlots(binder, index, group, plan);
  else if (group.kind === 'int8Slot') bindRoundedSlot(binder, index, group, plan);
  else if (group.kind === 'int8Chunk') bindChunk(binder, index, group, plan);
  else bindBranches(binder, index, group, plan);
}

function bindSlots(
  binder: RunBinder,
  index: number,
  { firstSlot, pasts }: SegmentGroup,
  { graph, cache }: RunPlan,
): void {
  const { session } = binder;
  const views = cache!.store.views(firstSlot, pasts.length);
  session.bindList(run.slots(index), views, () => {
    for (const layer of graph.cache) {
      for (const part of run.kvParts) {
        const buffer = views.get(bufferKey(layer, part))!;
        session.bindInput(run.past(layer, part, index), buffer);
        session.bindOutput(run.present(layer, part, index), buffer);
      }
    }
  });
}

function bindBranches(
  binder: RunBinder,
  index: number,
  { branches, firstSlot, tokens, pasts }: SegmentGroup,
  { graph, cache }: RunPlan,
): void {
  const { logs, store, rounded } = cache!;
  const past = pasts[0]!;
  const log = branches && logs.reserve(firstSlot, tokens);
  const shared = rounded ? rounded.fit(firstSlot, past + tokens) : past;
  const alone = [{ shared: past, places: [], tokens }];
  if (binder.asksFor(run.groupMask(index))) {
    const rows = branches?.map((each) => logs.rowsOf(each)) ?? alone;
    const mask = branchMask(rows, shared, log?.capacity ?? 0);
    binder.numbers(run.groupMask(index), 'float32', mask.shape, mask.data);
  }
  const lengths = [shared, ...(log ? [log.capacity] : []), tokens];
  const parts = BigInt64Array.from(lengths, BigInt);
  binder.numbers(run.groupParts(index), 'int64', [parts.length], parts);
  const fresh = logs.fresh(firstSlot, tokens);
  for (const layer of graph.cache) {
    for (const part of run.kvParts) {
      const key = bufferKey(layer, part);
      if (rounded) bindRounded(binder, index, { layer, part, slot: firstSlot }, rounded);
      else {
        const continued = store.firstTokens(layer, part, firstSlot, shared);
        binder.session.bindInput(run.shared(layer, part, index), continued);
      }
      if (log) binder.session.bindInput(run.log(layer, part, index), log.buffers.get(key)!.value);
      binder.session.bindOutput(run.fresh(layer, part, index), fresh.get(key)!.value);
    }
  }
}

/** New rows are rounded by the run, behind those that are there. */
function bindRoundedSlot(
  binder: RunBinder,
  index: number,
  { firstSlot: slot, tokens, pasts }: SegmentGroup,
  { graph, cache }: RunPlan,
): void {
  const rounded = cache!.rounded!;
  rounded.fit(slot, pasts[0]! + tokens);
  for (const layer of graph.cache) {
    for (const part of run.kvParts) {
      const place = { layer, part, slot };
      bindRounded(binder, index, place, rounded);
      binder.session.bindOutput(run.presentSteps(layer, part, index), rounded.steps(place));
      binder.session.bindOutput(run.presentSizes(layer, part, index), rounded.sizes(place));
    }
  }
}

function bindChunk(
  binder: RunBinder,
  index: number,
  { firstSlot: slot, tokens, pasts }: SegmentGroup,
  { graph, cache }: RunPlan,
): void {
  const rounded = cache!.rounded!;
  rounded.fit(slot, pasts[0]! + tokens);
  const chunk = rounded.openChunk(slot, tokens);
  for (const layer of graph.cache) {
    for (const part of run.kvParts) {
      bindRounded(binder, index, { layer, part, slot }, rounded);
      const { steps, sizes } = chunk.values(layer, part);
      binder.session.bindOutput(run.freshSteps(layer, part, index), steps);
      binder.session.bindOutput(run.freshSizes(layer, part, index), sizes);
    }
  }
}

/** What a slot holds in int8, in as many parts as the model asks for. */
function bindRounded(binder: RunBinder, index: number, place: SlotPart, rounded: Int8Store): void {
  const { layer, part } = place;
  let parts = 1;
  while (binder.asksFor(run.steps(layer, part, index, parts))) parts++;
  const heads = layer.kvHeads / parts;
  for (let at = 0; at < parts; at++) {
    binder.session.bindInput(run.steps(layer, part, index, at), rounded.steps(place, heads, at));
    binder.session.bindInput(
      run.stepSizes(layer, part, index, at),
      rounded.sizes(place, heads, at),
    );
  }
}

function ownTensor(given: DeviceTensor, key: string): OnnxTensor {
  if (given instanceof OnnxTensor) return given;
  throw new RunError(
    `The input "${key}" was made by another backend than onnx: read() it first and pass the numbers`,
  );
}

function upFrom(start: number, length: number): BigInt64Array {
  return BigInt64Array.from({ length }, (_, index) => BigInt(start + index));
}

import type { Dim, Graph, Shape, Tensor } from '../graph/graph.ts';
import { showShape } from '../graph/print-graph.ts';
import type { DeviceTensor, HostTensor, Inputs, KvCache, Segment } from './backend.ts';
import { CacheFullError, RunError } from './errors.ts';

/** A segment and how many tokens its slot already holds. */
export interface RunSegment extends Segment {
  readonly past: number;
}

/** Lengths that the graph knows only by name, as this run's inputs settle them. */
export type Lengths = ReadonlyMap<string, number>;

/**
 * Compares what a run was given with what its graph declares.
 *
 * @throws RunError naming the input and both shapes.
 */
export function checkInputs(graph: Graph, inputs: Inputs): Lengths {
  const lengths = new Map<string, number>();
  for (const key of Object.keys(inputs)) {
    if (!graph.inputs[key]) throw new RunError(`${named(graph, key)} is unknown. ${known(graph)}`);
  }
  for (const [key, tensor] of Object.entries(graph.inputs)) {
    const given = inputs[key];
    if (!given) throw new RunError(`${named(graph, key)} is missing. ${known(graph)}`);
    checkInput(graph, key, tensor, given, lengths);
  }
  return lengths;
}

/**
 * The segments of a run with their pasts; without any, all tokens continue slot 0.
 *
 * @throws RunError when they do not cover the rows, CacheFullError when a slot has no room.
 */
export function placeSegments(
  graph: Graph,
  lengths: Lengths,
  cache: KvCache | undefined,
  segments: readonly Segment[] | undefined,
): readonly RunSegment[] {
  const tokens = lengths.get('tokens') ?? 0;
  if (graph.cache.length > 0 && !cache) {
    throw new RunError(
      `"${graph.name}" attends to a past: give the run a cache made by createCache()`,
    );
  }
  const placed = (segments ?? [{ slot: 0, tokens }]).map((segment) => ({
    ...segment,
    past: cache?.length(segment.slot) ?? 0,
  }));
  checkCover(graph, placed, tokens);
  if (cache && graph.cache.length > 0) for (const segment of placed) checkRoom(segment, cache);
  return placed;
}

function checkCover(graph: Graph, segments: readonly Segment[], tokens: number): void {
  const sum = segments.reduce((all, segment) => all + segment.tokens, 0);
  const lengthsFit = segments.every((segment) => segment.tokens > 0) || tokens === 0;
  for (const segment of segments) checkKept(graph, segment);
  const slotsDiffer = new Set(segments.map(({ slot }) => slot)).size === segments.length;
  if (sum === tokens && lengthsFit && slotsDiffer) return;
  const shown = segments.map((segment) => `${segment.tokens} in slot ${segment.slot}`).join(', ');
  throw new RunError(
    `Segments of "${graph.name}" must cover its ${tokens} rows, each slot once with at least one; they are ${shown}`,
  );
}

function checkKept({ name }: Graph, { slot, tokens, kept = 1 }: Segment): void {
  if (tokens === 0 || (Number.isSafeInteger(kept) && kept > 0 && kept <= tokens)) return;
  throw new RunError(
    `Slot ${slot} of "${name}" keeps ${kept} rows, but it must be 1 to its ${tokens} tokens`,
  );
}

function checkRoom({ past, tokens }: RunSegment, { capacity }: KvCache): void {
  if (past + tokens > capacity) throw new CacheFullError(tokens, past, capacity);
}

function checkInput(
  graph: Graph,
  key: string,
  { shape, dtype }: Tensor,
  given: HostTensor | DeviceTensor,
  lengths: Map<string, number>,
): void {
  const fits =
    given.shape.length === shape.length &&
    shape.every((dim, axis) => settle(dim, given.shape[axis]!, lengths));
  if (!fits || given.dtype !== dtype) {
    throw new RunError(
      `${named(graph, key)} must be ${dtype} ${showSettled(shape, lengths)}, but it is ${given.dtype} ${showShape(given.shape)}`,
    );
  }
  if ('data' in given) checkData(graph, key, given);
}

function checkData(graph: Graph, key: string, { shape, dtype, data }: HostTensor): void {
  const expected = shape.reduce((all, length) => all * length, 1);
  if (data.length === expected && data instanceof arrayOf[dtype]) return;
  throw new RunError(
    `${named(graph, key)} is ${dtype} ${showShape(shape)} and needs ${expected} numbers in a ${arrayOf[dtype].name}, but its data is a ${data.constructor.name} of ${data.length}`,
  );
}

const arrayOf = {
  float32: Float32Array,
  float16: Uint16Array,
  int32: Int32Array,
  uint8: Uint8Array,
} as const;

function settle(dim: Dim, length: number, lengths: Map<string, number>): boolean {
  if (typeof dim === 'number') return dim === length;
  if (!lengths.has(dim)) lengths.set(dim, length);
  return lengths.get(dim) === length;
}

function showSettled(shape: Shape, lengths: Lengths): string {
  const settled = shape.map((dim) => {
    const length = lengths.get(String(dim));
    return length === undefined ? dim : `${dim} = ${length}`;
  });
  return `[${settled.join(', ')}]`;
}

function named(graph: Graph, key: string): string {
  return `The input "${key}" of "${graph.name}"`;
}

function known(graph: Graph): string {
  return `It takes ${Object.keys(graph.inputs).join(', ') || 'no inputs'}`;
}

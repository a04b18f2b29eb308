import type { KvFormat, RunSegment } from '@lingbi/core';
import type { BranchRows } from './branch-logs.ts';
import type { GroupKind } from './lowering.ts';

/** Segments that one attention node takes together. */
export interface SegmentGroup {
  readonly firstSlot: number;
  /** New tokens of each sequence. */
  readonly tokens: number;
  /** How many tokens each sequence's slot holds already. */
  readonly pasts: readonly number[];
  /** Sequences that continue one slot, `firstSlot`. */
  readonly branches?: readonly RunSegment[];
  /** What the attention over it is like. */
  readonly kind: GroupKind;
}

export interface GroupingCache {
  /** Whether neighbouring slots can be seen as one batch. */
  readonly batches: boolean;
  readonly kv: KvFormat;
  /** The slot that a slot continues and shares the memory of. */
  baseOf(slot: number): number | undefined;
  length(slot: number): number;
}

/** Puts neighbours together that may run as one. `byKernel`: a kernel of ours attends. */
export function groupSegments(
  segments: readonly RunSegment[],
  cache: GroupingCache,
  byKernel = false,
): readonly SegmentGroup[] {
  return runsOf(segments, cache).flatMap((run) => {
    const base = cache.baseOf(run[0]!.slot);
    if (base !== undefined) return [groupBranches(run, base, cache)];
    if (cache.kv !== 'int8') return groupApart(run, cache);
    return run.map((segment) => roundedGroup(segment, byKernel));
  });
}

/** Neighbours that continue the same slot, or none. */
function runsOf(segments: readonly RunSegment[], cache: GroupingCache): RunSegment[][] {
  const runs: RunSegment[][] = [];
  for (const segment of segments) {
    const run = runs.at(-1);
    if (run && cache.baseOf(run[0]!.slot) === cache.baseOf(segment.slot)) run.push(segment);
    else runs.push([segment]);
  }
  return runs;
}

function groupBranches(
  run: readonly RunSegment[],
  base: number,
  cache: GroupingCache,
): SegmentGroup {
  const tokens = run.reduce((sum, segment) => sum + segment.tokens, 0);
  // At least one, which nobody sees: tensors without rows are not for every kernel.
  const past = Math.max(1, cache.length(base));
  const kind = branchKinds[cache.kv];
  return { firstSlot: base, tokens, pasts: [past], branches: run, kind };
}

const branchKinds = {
  float32: 'branches',
  float16: 'halfBranches',
  int8: 'int8Branches',
} as const;

/** With more rows, products of whole numbers are no quicker, and their scores take too much memory. */
const FEW_ROWS = 8;

function roundedGroup({ slot, tokens, past }: RunSegment, byKernel: boolean): SegmentGroup {
  const kind = byKernel ? 'int8Slot' : tokens <= FEW_ROWS ? 'int8' : 'int8Chunk';
  return { firstSlot: slot, tokens, pasts: [past], kind };
}

/**
 * GroupQueryAttention takes several sequences at once when each gets a single token, or when none
 * has a past.
 */
function groupApart(
  segments: readonly RunSegment[],
  { batches, kv }: Pick<GroupingCache, 'batches' | 'kv'>,
): readonly SegmentGroup[] {
  const kind = kv === 'float16' ? 'halfSlots' : 'slots';
  const groups: SegmentGroup[] = [];
  for (const { slot, tokens, past } of segments) {
    const group = groups.at(-1);
    if (batches && group && continues(group, slot, tokens, past)) {
      groups[groups.length - 1] = { ...group, pasts: [...group.pasts, past] };
    } else {
      groups.push({ firstSlot: slot, tokens, pasts: [past], kind });
    }
  }
  return groups;
}

function continues(group: SegmentGroup, slot: number, tokens: number, past: number): boolean {
  const isNext = slot === group.firstSlot + group.pasts.length && tokens === group.tokens;
  const isFirstRead = past === 0 && group.pasts.every((each) => each === 0);
  return isNext && (tokens === 1 || isFirstRead);
}

/** Added to a score, it leaves nothing of it after the softmax. */
const HIDDEN = -1e30;

/**
 * What the rows of branches see: 0, or a number that hides it, [tokens, 1, length]. First come
 * `shared` tokens of what they continue, then the log with `capacity` places, then their own rows.
 */
export function branchMask(
  branches: readonly BranchRows[],
  shared: number,
  capacity: number,
): { readonly shape: readonly number[]; readonly data: Float32Array } {
  const tokens = branches.reduce((sum, branch) => sum + branch.tokens, 0);
  const length = shared + capacity + tokens;
  const data = new Float32Array(tokens * length).fill(HIDDEN);
  let first = 0;
  for (const branch of branches) {
    for (let row = first; row < first + branch.tokens; row++) {
      const mask = data.subarray(row * length, (row + 1) * length);
      mask.fill(0, 0, branch.shared);
      for (const place of branch.places) mask[shared + place] = 0;
      mask.fill(0, shared + capacity + first, shared + capacity + row + 1);
    }
    first += branch.tokens;
  }
  return { shape: [tokens, 1, length], data };
}

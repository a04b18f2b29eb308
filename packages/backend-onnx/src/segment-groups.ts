import type { RunSegment } from '@lingbi/core';

/** Segments that one attention node takes together: equal steps of sequences in neighbouring slots. */
export interface SegmentGroup {
  readonly firstSlot: number;
  /** New tokens of each sequence. */
  readonly tokens: number;
  /** How many tokens each sequence's slot holds already. */
  readonly pasts: readonly number[];
}

/**
 * Puts neighbours together that may run as a batch. GroupQueryAttention takes several sequences at
 * once when each gets a single token, or when none has a past.
 */
export function groupSegments(
  segments: readonly RunSegment[],
  { batches }: { batches: boolean },
): readonly SegmentGroup[] {
  const groups: SegmentGroup[] = [];
  for (const { slot, tokens, past } of segments) {
    const group = groups.at(-1);
    if (batches && group && continues(group, slot, tokens, past)) {
      groups[groups.length - 1] = { ...group, pasts: [...group.pasts, past] };
    } else {
      groups.push({ firstSlot: slot, tokens, pasts: [past] });
    }
  }
  return groups;
}

function continues(group: SegmentGroup, slot: number, tokens: number, past: number): boolean {
  const isNext = slot === group.firstSlot + group.pasts.length && tokens === group.tokens;
  const isFirstRead = past === 0 && group.pasts.every((each) => each === 0);
  return isNext && (tokens === 1 || isFirstRead);
}

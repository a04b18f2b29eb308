/** Bytes `start` to `end` of a file, the last one excluded. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** What is missing from a file of `bytes`, in order; spans that make no sense are ignored. */
export function gapsIn(bytes: number, saved: readonly Span[]): Span[] {
  const ordered = saved
    .filter(({ start, end }) => start >= 0 && start < end && end <= bytes)
    .sort((a, b) => a.start - b.start);
  const gaps: Span[] = [];
  let position = 0;
  for (const { start, end } of ordered) {
    if (start > position) gaps.push({ start: position, end: start });
    position = Math.max(position, end);
  }
  if (position < bytes) gaps.push({ start: position, end: bytes });
  return gaps;
}

/** Cuts spans into parts of at most `partBytes`. */
export function cutSpans(spans: readonly Span[], partBytes: number): Span[] {
  return spans.flatMap(({ start, end }) =>
    Array.from({ length: Math.ceil((end - start) / partBytes) }, (_, part) => ({
      start: start + part * partBytes,
      end: Math.min(start + (part + 1) * partBytes, end),
    })),
  );
}

export function lengthOf(spans: readonly Span[]): number {
  return spans.reduce((sum, { start, end }) => sum + end - start, 0);
}

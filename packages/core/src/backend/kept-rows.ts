import type { Segment } from './backend.ts';

/** Numbers of the rows that `lastToken` keeps of a run: the last ones of each segment. */
export function keptRows(segments: readonly Segment[]): number[] {
  let end = 0;
  return segments.flatMap(({ tokens, kept = 1 }) => {
    end += tokens;
    return Array.from({ length: kept }, (_, row) => end - kept + row);
  });
}

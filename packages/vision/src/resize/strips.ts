import type { Taps } from './taps.ts';

/** Some output rows, and the source rows that they read. Ends are exclusive. */
export interface Strip {
  readonly firstRow: number;
  readonly rows: number;
  readonly sourceStart: number;
  readonly sourceRows: number;
}

/** Cuts the output into runs of rows that read at most `sourceRows` rows each, or else single rows. */
export function cutStrips(down: Taps, sourceRows: number): Strip[] {
  const strips: Strip[] = [];
  const height = down.starts.length;
  for (let row = 0; row < height; ) {
    const sourceStart = down.starts[row]!;
    let end = row + 1;
    while (end < height && sourceEnd(down, end) - sourceStart <= sourceRows) end++;
    strips.push({
      firstRow: row,
      rows: end - row,
      sourceStart,
      sourceRows: sourceEnd(down, end - 1) - sourceStart,
    });
    row = end;
  }
  return strips;
}

function sourceEnd(down: Taps, row: number): number {
  return down.starts[row]! + down.counts[row]!;
}

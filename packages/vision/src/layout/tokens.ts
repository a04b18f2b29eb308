import type { Preset } from './presets.ts';

/** How many tiles a canvas is high and wide. */
export interface Grid {
  readonly rows: number;
  readonly columns: number;
}

/** Four patches become one token where pictures are tiled (spec MODEL §8). */
const mergedSide = 2;

/** How many positions of the prompt the picture takes (spec MODEL §8; ZOO §4 for squares). */
export function countTokens({ rows, columns }: Grid, preset: Preset): number {
  const { kind, tileSize, patchSize } = preset;
  if (kind === 'square') return (tileSize / patchSize) ** 2;
  const side = tileSize / patchSize / mergedSide;
  const blocks = side * side * (rows * columns + 1);
  const between = 1;
  // A newline after each row of tokens: of the global view's one tile, and of every row of tiles.
  const newlines = side * (rows + 1);
  return blocks + between + newlines;
}

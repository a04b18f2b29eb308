/** How the rows of a picture's tiles stand in the prompt (spec MODEL §8). */

export interface Grid {
  readonly rows: number;
  readonly columns: number;
}

/** Where the cells of one line of a tile go: `cells` rows from `from` in the tile to `to` in the image. */
export interface Placement {
  readonly from: number;
  readonly to: number;
  readonly cells: number;
}

export interface ImageLayout {
  /** How many prompt positions the picture takes. */
  readonly length: number;
  /** Positions of the vector that ends a line. */
  readonly rowSeparators: readonly number[];
  /** Position of the vector between the global view and the tiles. */
  readonly viewSeparator: number;
  globalView(): readonly Placement[];
  tile(row: number, column: number): readonly Placement[];
}

/**
 * The global view's lines, a separator after each; one vector between the views; then the lines of
 * the whole grid, each running through all tiles of its row and ending in a separator.
 *
 * `side` is how many cells a tile is wide: 20 for InternLM-XComposer-2.5.
 */
export function imageLayout({ rows, columns }: Grid, side: number): ImageLayout {
  const viewSeparator = side * (side + 1);
  const local = viewSeparator + 1;
  const lineLength = side * columns + 1;
  const lines = side * rows;
  return {
    length: imageTokens({ rows, columns }, side),
    viewSeparator,
    rowSeparators: [
      ...range(side, (line) => line * (side + 1) + side),
      ...range(lines, (line) => local + (line + 1) * lineLength - 1),
    ],
    globalView: () => linesOf(side, (line) => line * (side + 1)),
    tile: (row, column) =>
      linesOf(side, (line) => local + (row * side + line) * lineLength + column * side),
  };
}

/** side² · (rows · columns + 1) + 1 + side · (rows + 1): 841 for one tile of 20 × 20 cells. */
export function imageTokens({ rows, columns }: Grid, side: number): number {
  return side * side * (rows * columns + 1) + 1 + side * (rows + 1);
}

function linesOf(side: number, positionOf: (line: number) => number): Placement[] {
  return range(side, (line) => ({ from: line * side, to: positionOf(line), cells: side }));
}

function range<T>(length: number, of: (index: number) => T): T[] {
  return Array.from({ length }, (_, index) => of(index));
}

/**
 * One picture as the vision tower reads it: the whole of it squeezed into one tile, then the tiles
 * of its grid (spec MODEL §8). Pixels are made when they are asked for, so memory does not grow
 * with the number of tiles.
 */
export interface TiledImage {
  /** How many tiles the canvas is high and wide. */
  readonly grid: { readonly rows: number; readonly columns: number };
  /** Width and height of a tile in pixels: 560 for InternLM-XComposer-2.5. */
  readonly tileSize: number;
  /** Equal for equal pixels under an equal transform: what rows of this image are cached by. */
  readonly key: string;
  /** Normalised pixels of the global view, [3, tileSize, tileSize], channel first. */
  globalView(): Float32Array;
  /** Normalised pixels of one tile, [3, tileSize, tileSize]; tiles count row by row. */
  tile(row: number, column: number): Float32Array;
}

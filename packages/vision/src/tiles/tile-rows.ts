import type { TiledImage } from '@lingbi/core';
import type { Grid } from '../layout/tokens.ts';
import type { PlaneRows } from './plane-rows.ts';
import { squeeze } from './squeeze.ts';

/** The tiles of a normalised canvas that is a whole number of tiles wide and high. */
export function tileRows(rows: PlaneRows, tileSize: number, key: string): TiledImage {
  const grid = { rows: rows.height / tileSize, columns: rows.width / tileSize };
  return {
    grid,
    tileSize,
    key,
    globalView: () => squeeze(rows, { width: tileSize, height: tileSize }),
    tile(row, column) {
      checkTile(row, column, grid);
      return cutTile(rows, tileSize, row, column);
    },
  };
}

function cutTile(rows: PlaneRows, tileSize: number, row: number, column: number): Float32Array {
  const tile = new Float32Array(3 * tileSize * tileSize);
  for (let channel = 0; channel < 3; channel++) {
    for (let y = 0; y < tileSize; y++) {
      const start = (channel * tileSize + y) * tileSize;
      const into = tile.subarray(start, start + tileSize);
      rows.read(channel, row * tileSize + y, column * tileSize, into);
    }
  }
  return tile;
}

function checkTile(row: number, column: number, { rows, columns }: Grid): void {
  const inside = (index: number, count: number): boolean =>
    Number.isInteger(index) && index >= 0 && index < count;
  if (inside(row, rows) && inside(column, columns)) return;
  throw new RangeError(
    `cutting tile (${row}, ${column}): the grid has ${rows} rows and ${columns} columns, counted from 0`,
  );
}

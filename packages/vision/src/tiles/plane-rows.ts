import type { Picture, Size } from '../picture.ts';
import type { NormalTables } from './normalize.ts';

/** A normalised canvas that is read row by row, so that it never has to exist as a whole. */
export interface PlaneRows extends Size {
  /** Writes `into.length` values of one channel (0 red, 1 green, 2 blue), from column `x` of row `y`. */
  read(channel: number, y: number, x: number, into: Float32Array): void;
}

/** Rows of a canvas of bytes, normalised when they are read. */
export function normalizedRows(canvas: Picture, tables: NormalTables): PlaneRows {
  const { width, height, data } = canvas;
  return {
    width,
    height,
    read(channel, y, x, into) {
      const table = tables[channel]!;
      let source = (y * width + x) * 3 + channel;
      for (let i = 0; i < into.length; i++, source += 3) into[i] = table[data[source]!]!;
    },
  };
}

/** Rows of values that are normalised already, [3, height, width]. */
export function planeRows({ width, height }: Size, values: Float32Array): PlaneRows {
  return {
    width,
    height,
    read(channel, y, x, into) {
      const start = (channel * height + y) * width + x;
      into.set(values.subarray(start, start + into.length));
    },
  };
}

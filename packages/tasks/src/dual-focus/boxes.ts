import type { Picture, Size } from '@lingbi/vision';

/** A region of a picture, as shares of its width and height: 0 to 1. */
export interface Box {
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
}

/** A region in whole pixels; `x2` and `y2` are outside. */
export type PixelBox = Box;

/** Smaller crops show a model nothing: one patch is as wide (spec SIDE_PROJECTS §8). */
const SMALLEST_CROP = 14;

/** How far a region grows on each side. */
const MARGIN = 25;

/** The first four numbers between commas that an answer names; nothing when they are no region. */
export function readBox(answer: string): Box | undefined {
  const match = /\d+\.?\d*,\s*\d+\.?\d*,\s*\d+\.?\d*,\s*\d+\.?\d*/.exec(answer);
  if (!match) return undefined;
  const [x1, y1, x2, y2] = match[0].split(',').map(Number) as [number, number, number, number];
  const inside = [x1, y1, x2, y2].every((value) => value >= 0 && value <= 1);
  return inside && x2 > x1 && y2 > y1 ? { x1, y1, x2, y2 } : undefined;
}

/**
 * The pixels around a region: a square about its middle, 25 pixels more on each side, within the
 * picture. Nothing when too little is left.
 */
export function cropBox({ x1, y1, x2, y2 }: Box, { width, height }: Size): PixelBox | undefined {
  const [right, bottom] = [width - 1, height - 1];
  const side = Math.max((x2 - x1) * width, (y2 - y1) * height);
  const middle = { x: ((x1 + x2) / 2) * width, y: ((y1 + y2) / 2) * height };
  const within = (value: number, most: number) => Math.min(Math.max(value, 0), most);
  const span = (centre: number, most: number) => {
    const [from, to] = [within(centre - side / 2, most), within(centre + side / 2, most)];
    return [
      Math.trunc(within(from - MARGIN, most)),
      Math.trunc(within(to + MARGIN, most)),
    ] as const;
  };
  const [left, end] = span(middle.x, right);
  const [top, foot] = span(middle.y, bottom);
  if (end - left < SMALLEST_CROP || foot - top < SMALLEST_CROP) return undefined;
  return { x1: left, y1: top, x2: end, y2: foot };
}

/** A part of a picture, copied. */
export function crop(picture: Picture, { x1, y1, x2, y2 }: PixelBox): Picture {
  const [width, height] = [x2 - x1, y2 - y1];
  const data = new Uint8Array(width * height * 3);
  for (let row = 0; row < height; row++) {
    const from = ((y1 + row) * picture.width + x1) * 3;
    data.set(picture.data.subarray(from, from + width * 3), row * width * 3);
  }
  return { width, height, data };
}

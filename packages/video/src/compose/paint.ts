import type { Picture, Size } from '@lingbi/vision';
import type { Coverage } from './labels.ts';
import type { Place } from './plan-composite.ts';

/** A white picture to paint on. */
export function whitePicture({ width, height }: Size): Picture {
  return { width, height, data: new Uint8Array(width * height * 3).fill(255) };
}

/** Copies a picture onto another; what lies outside is cut off. */
export function pastePicture(onto: Picture, picture: Picture, { x, y }: Place): void {
  const length = Math.min(picture.width, onto.width - x) * 3;
  const rows = Math.min(picture.height, onto.height - y);
  for (let row = 0; row < rows; row++) {
    const from = row * picture.width * 3;
    onto.data.set(picture.data.subarray(from, from + length), ((y + row) * onto.width + x) * 3);
  }
}

/** Blackens a part of a picture; what lies outside is left out. */
export function paintBlack(onto: Picture, { x, y }: Place, { width, height }: Size): void {
  for (let row = y; row < Math.min(y + height, onto.height); row++) {
    const start = (row * onto.width + x) * 3;
    onto.data.fill(0, start, start + Math.min(width, onto.width - x) * 3);
  }
}

/** Paints black through a coverage, rounding as Pillow does; what lies outside is cut off. */
export function paintCoverage(onto: Picture, coverage: Coverage, { x, y }: Place): void {
  for (let row = 0; row < coverage.height; row++) {
    const to = y + coverage.top + row;
    if (to < 0 || to >= onto.height) continue;
    for (let column = 0; column < coverage.width; column++) {
      const across = x + coverage.left + column;
      if (across < 0 || across >= onto.width) continue;
      const left = 255 - coverage.data[row * coverage.width + column]!;
      const start = (to * onto.width + across) * 3;
      for (let at = start; at < start + 3; at++) onto.data[at] = divideBy255(onto.data[at]! * left);
    }
  }
}

/** Pillow's division of a product of bytes, rounded to the nearest. */
function divideBy255(product: number): number {
  const half = product + 128;
  return ((half >> 8) + half) >> 8;
}

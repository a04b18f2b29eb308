import type { Picture, Size } from '@lingbi/vision';

/** A white picture to paint on. */
export function whiteCanvas({ width, height }: Size): Picture {
  return { width, height, data: new Uint8Array(width * height * 3).fill(255) };
}

/** Copies a picture onto another, its upper left corner at `x`, `y`; what lies outside is cut off. */
export function paste(onto: Picture, picture: Picture, x: number, y: number): void {
  const length = Math.min(picture.width, onto.width - x) * 3;
  const rows = Math.min(picture.height, onto.height - y);
  for (let row = 0; row < rows && length > 0; row++) {
    const from = row * picture.width * 3;
    onto.data.set(picture.data.subarray(from, from + length), ((y + row) * onto.width + x) * 3);
  }
}

/** Blackens whole rows. */
export function blackRows(onto: Picture, from: number, count: number): void {
  onto.data.fill(0, from * onto.width * 3, (from + count) * onto.width * 3);
}

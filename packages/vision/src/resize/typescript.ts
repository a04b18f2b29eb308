import type { Picture, Size } from '../picture.ts';
import type { Passes } from './resizer.ts';
import { type Filter, precisionBits, resizeTaps, type Taps } from './taps.ts';

const half = 1 << (precisionBits - 1);

/** Both passes in plain loops: what the WebAssembly is checked against, and what stands in for it. */
export const typescriptPasses: Passes = (picture, size, { filter, firstPass }) =>
  firstPass === 'horizontal'
    ? verticalPass(horizontalPass(picture, size, filter), size, filter)
    : horizontalPass(verticalPass(picture, size, filter), size, filter);

function horizontalPass(picture: Picture, { width }: Pick<Size, 'width'>, filter: Filter): Picture {
  if (width === picture.width) return picture;
  const taps = resizeTaps(picture.width, width, filter);
  const data = new Uint8ClampedArray(width * picture.height * 3);
  for (let y = 0; y < picture.height; y++) {
    const row = picture.data.subarray(y * picture.width * 3, (y + 1) * picture.width * 3);
    resampleRow(row, data.subarray(y * width * 3, (y + 1) * width * 3), taps);
  }
  return { width, height: picture.height, data: bytes(data) };
}

function resampleRow(row: Uint8Array, out: Uint8ClampedArray, taps: Taps): void {
  for (let x = 0; x < taps.starts.length; x++) {
    let red = half;
    let green = half;
    let blue = half;
    let source = taps.starts[x]! * 3;
    const first = x * taps.width;
    const end = first + taps.counts[x]!;
    for (let tap = first; tap < end; tap++, source += 3) {
      const weight = taps.weights[tap]!;
      red += row[source]! * weight;
      green += row[source + 1]! * weight;
      blue += row[source + 2]! * weight;
    }
    out[x * 3] = red >> precisionBits;
    out[x * 3 + 1] = green >> precisionBits;
    out[x * 3 + 2] = blue >> precisionBits;
  }
}

function verticalPass(picture: Picture, { height }: Pick<Size, 'height'>, filter: Filter): Picture {
  if (height === picture.height) return picture;
  const taps = resizeTaps(picture.height, height, filter);
  const rowLength = picture.width * 3;
  const data = new Uint8ClampedArray(height * rowLength);
  const sums = new Int32Array(rowLength);
  for (let y = 0; y < height; y++) {
    sumRows(picture.data, sums, taps, y);
    const out = y * rowLength;
    for (let x = 0; x < rowLength; x++) data[out + x] = sums[x]! >> precisionBits;
  }
  return { width: picture.width, height, data: bytes(data) };
}

function sumRows(source: Uint8Array, sums: Int32Array, taps: Taps, output: number): void {
  sums.fill(half);
  for (let tap = 0; tap < taps.counts[output]!; tap++) {
    const weight = taps.weights[output * taps.width + tap]!;
    const row = (taps.starts[output]! + tap) * sums.length;
    for (let x = 0; x < sums.length; x++) sums[x] = sums[x]! + source[row + x]! * weight;
  }
}

function bytes(clamped: Uint8ClampedArray): Uint8Array {
  return new Uint8Array(clamped.buffer, clamped.byteOffset, clamped.length);
}

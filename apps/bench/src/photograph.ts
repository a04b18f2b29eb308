import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Size } from '@lingbi/vision';

export const photograph: Size = { width: 4096, height: 2160 };

/** Gradients under noise, the same every time, as JPEG. */
export async function makePhotograph(): Promise<Buffer> {
  const { width, height } = photograph;
  const data = new Uint8Array(width * height * 3);
  let state = 1;
  for (let at = 0, y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < 3; channel++, at++) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        const slope = (x * (channel + 1) + y * (3 - channel)) >> 4;
        data[at] = (slope & 0xc0) + (state >>> 27);
      }
    }
  }
  // sharp belongs to @lingbi/vision, so it is looked up from there.
  const sharp = createRequire(fileURLToPath(import.meta.resolve('@lingbi/vision')))('sharp');
  return sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 90 })
    .toBuffer();
}

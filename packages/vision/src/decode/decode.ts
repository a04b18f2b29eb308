import type { Picture } from '../picture.ts';
import type { Reading } from '../reading.ts';
import { decodeBmp } from './bmp.ts';
import { formatOf } from './format.ts';
import { decodeGif } from './gif.ts';
import { decodeWithSharp } from './with-sharp.ts';

/**
 * `'stored'` takes the rows as the file has them, as the reference does; `'exif'` turns the picture
 * as its camera said it should be seen.
 */
export type Orientation = 'stored' | 'exif';

/**
 * The RGB that Pillow's `convert('RGB')` gives: palettes expanded, grey repeated, alpha dropped
 * without compositing, CMYK inverted naively, no colour management, the first frame of an animation
 * (spec PREPROCESS §1). Of 16 bits a channel the upper eight are kept.
 */
export function decode(
  bytes: Uint8Array,
  orientation: Orientation,
  reading: Reading,
): Promise<Picture> | Picture {
  const format = formatOf(bytes, reading);
  switch (format) {
    // libvips empties transparent pixels of a GIF, where Pillow keeps their colour, and reads no BMP.
    case 'gif':
      return decodeGif(bytes, reading);
    case 'bmp':
      return decodeBmp(bytes, reading);
    case 'jpeg':
    case 'png':
    case 'webp':
      return decodeWithSharp(bytes, format, orientation, reading);
    default:
      return format satisfies never;
  }
}

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
 * What becomes of grey in 16 bits: `'clip'` takes levels above 255 for white, as Pillow does, which
 * leaves little of most pictures; `'scale'` keeps the upper eight bits, as both do with 16-bit colour.
 */
export type SixteenBitGrey = 'clip' | 'scale';

/** How the pixels of a picture are to be understood. */
export interface Decoding {
  readonly orientation: Orientation;
  readonly sixteenBitGrey: SixteenBitGrey;
}

/**
 * The RGB that Pillow's `convert('RGB')` gives: palettes expanded, grey repeated, alpha dropped
 * without compositing, CMYK inverted naively, no colour management, the first frame of an animation
 * (spec PREPROCESS §1). Of 16 bits a channel the upper eight are kept, but for grey without alpha,
 * whose levels above 255 are white unless `sixteenBitGrey` says otherwise.
 */
export function decode(
  bytes: Uint8Array,
  decoding: Decoding,
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
      return decodeWithSharp(bytes, format, decoding, reading);
    default:
      return format satisfies never;
  }
}

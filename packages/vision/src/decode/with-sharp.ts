import type { default as OpenSharp, Sharp } from 'sharp';
import { DamagedPictureError, PictureError, SharpMissingError } from '../errors.ts';
import type { Picture } from '../picture.ts';
import { checkPixels, orAborted, type Reading } from '../reading.ts';
import { rgbOfCmyk } from './cmyk.ts';
import type { Decoding } from './decode.ts';
import { rgbOfGrey16 } from './grey16.ts';

/** Decodes JPEG, PNG and WebP. The size in the header is checked first. */
export async function decodeWithSharp(
  bytes: Uint8Array,
  format: 'jpeg' | 'png' | 'webp',
  { orientation, sixteenBitGrey }: Decoding,
  reading: Reading,
): Promise<Picture> {
  const sharp = await loadSharp();
  const decoding = async (): Promise<Picture> => {
    const { width, height, space } = await sharp(bytes, { limitInputPixels: false }).metadata();
    checkPixels(reading, width, height);
    const stored = sharp(bytes, {
      ignoreIcc: true,
      // Pillow too stops where a file breaks off, and lets lesser faults pass.
      failOn: 'truncated',
      limitInputPixels: width * height,
    });
    const image = orientation === 'exif' ? stored.autoOrient() : stored;
    if (space === 'cmyk') return decodeCmyk(image);
    const clips = sixteenBitGrey === 'clip' && space === 'grey16' && !storesAlpha(bytes);
    return clips ? decodeClipped(image) : decodeRgb(image);
  };
  return orAborted(decoding().catch(damaged(format, reading)), reading.signal);
}

/** Loaded when the first picture needs it, so that the rest of the package works without. */
async function loadSharp(): Promise<typeof OpenSharp> {
  try {
    return (await import('sharp')).default;
  } catch (cause) {
    throw new SharpMissingError({ cause });
  }
}

async function decodeRgb(image: Sharp): Promise<Picture> {
  const { data, info } = await image
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data };
}

/** Whether a grey PNG has a channel of alpha. One transparent level is none, though libvips makes it one. */
function storesAlpha(png: Uint8Array): boolean {
  return png[25] === 4; // the colour type in its header: PNG 3rd edition, §11.2.1
}

/** Grey in 16 bits, all above 255 white: what Pillow's `convert('RGB')` makes of its mode I;16. */
async function decodeClipped(image: Sharp): Promise<Picture> {
  const { data, info } = await image
    .removeAlpha()
    .toColourspace('grey16')
    .raw({ depth: 'ushort' })
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: rgbOfGrey16(levels(data)) };
}

function levels({ buffer, byteOffset, byteLength }: Uint8Array): Uint16Array {
  return new Uint16Array(buffer, byteOffset, byteLength / Uint16Array.BYTES_PER_ELEMENT);
}

/** Keeps libvips from converting, which it does through a colour profile. */
async function decodeCmyk(image: Sharp): Promise<Picture> {
  const { data, info } = await image
    .pipelineColourspace('cmyk')
    .toColourspace('cmyk')
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: rgbOfCmyk(data) };
}

function damaged(format: string, reading: Reading): (cause: unknown) => never {
  return (cause) => {
    if (cause instanceof PictureError) throw cause;
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new DamagedPictureError(reading.name, format.toUpperCase(), problem, { cause });
  };
}

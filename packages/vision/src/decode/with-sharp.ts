import type { default as OpenSharp, Sharp } from 'sharp';
import { DamagedPictureError, PictureError, SharpMissingError } from '../errors.ts';
import type { Picture } from '../picture.ts';
import { checkPixels, orAborted, type Reading } from '../reading.ts';
import { rgbOfCmyk } from './cmyk.ts';
import type { Orientation } from './decode.ts';

/** Decodes JPEG, PNG and WebP. The size in the header is checked first. */
export async function decodeWithSharp(
  bytes: Uint8Array,
  format: 'jpeg' | 'png' | 'webp',
  orientation: Orientation,
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
    return space === 'cmyk' ? decodeCmyk(image) : decodeRgb(image);
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

import { NotAPictureError, UnsupportedPictureError } from '../errors.ts';
import type { Reading } from '../reading.ts';

/** The formats of the reference's loader (spec PREPROCESS §1). */
export type PictureFormat = 'jpeg' | 'png' | 'webp' | 'gif' | 'bmp';

/**
 * What the first bytes say the picture is. The name of a file and the type that a server states are
 * not asked.
 *
 * @throws NotAPictureError, or UnsupportedPictureError for a picture of another format.
 */
export function formatOf(bytes: Uint8Array, reading: Reading): PictureFormat {
  const beginning = Buffer.from(bytes.subarray(0, 32)).toString('hex');
  const format = formats.find(({ pattern }) => pattern.test(beginning))?.format;
  if (format) return format;
  const other = otherFormats.find(({ pattern }) => pattern.test(beginning))?.format;
  if (other) throw new UnsupportedPictureError(reading.name, other, `${other} is not read`);
  throw new NotAPictureError(reading.name, Buffer.from(bytes.subarray(0, 16)).toString('latin1'));
}

// Beginnings in hex; a dot stands for four bits of any value.
const formats: readonly { format: PictureFormat; pattern: RegExp }[] = [
  { format: 'jpeg', pattern: /^ffd8ff/ },
  { format: 'png', pattern: /^89504e470d0a1a0a/ },
  { format: 'webp', pattern: /^52494646.{8}57454250/ },
  { format: 'gif', pattern: /^474946383[79]61/ },
  { format: 'bmp', pattern: /^424d/ },
];

// Told apart only for the sake of the error.
const otherFormats: readonly { format: string; pattern: RegExp }[] = [
  { format: 'AVIF', pattern: /^.{8}6674797061766966|^.{8}6674797061766973/ },
  { format: 'HEIF', pattern: /^.{8}66747970(686569|686576|6d696631|6d736631)/ },
  { format: 'TIFF', pattern: /^(49492[ab]00|4d4d002[ab])/ },
  { format: 'JPEG XL', pattern: /^(ff0a|0000000c4a584c20)/ },
  { format: 'JPEG 2000', pattern: /^0000000c6a50/ },
  { format: 'SVG', pattern: /^(20|09|0d|0a)*(3c3f786d6c|3c737667)/ },
  { format: 'PDF', pattern: /^25504446/ },
  { format: 'ICO', pattern: /^00000[12]00/ },
  { format: 'PSD', pattern: /^38425053/ },
];

import { describeSource, isRawPixels, type PictureSource } from './bytes/picture-source.ts';
import { pictureOfPixels } from './bytes/raw-pixels.ts';
import { readBytes } from './bytes/read-bytes.ts';
import type { WebAccess } from './bytes/web-access.ts';
import { decode, type Orientation, type SixteenBitGrey } from './decode/decode.ts';
import { PictureLimitError } from './errors.ts';
import { fillLimits, type PictureLimits } from './limits.ts';
import type { Picture } from './picture.ts';
import { orAborted, pictures, type Reading } from './reading.ts';

/** How a picture is read. */
export interface ReadOptions {
  /** Whether a camera's orientation is honoured: `'stored'` by default, which the reference does. */
  readonly orientation?: Orientation;
  /** `'clip'` by default, which is Pillow's way with grey PNG of 16 bits; `'scale'` is to see it whole. */
  readonly sixteenBitGrey?: SixteenBitGrey;
  /** Which web addresses may be fetched. None without it. */
  readonly web?: WebAccess;
  /** Bounds on size and time; what is left out has its default. */
  readonly limits?: Partial<PictureLimits>;
  readonly signal?: AbortSignal;
}

/** Milliseconds; a longer timer would fire at once. */
const longestTimer = 2 ** 31 - 1;

/**
 * Reads and decodes a picture to RGB, exactly as Pillow would.
 *
 * @throws PictureError in one of its classes, for anything wrong with the picture or its address;
 *   the signal's reason when it aborts; SharpMissingError without the decoder.
 */
export async function readPicture(
  source: PictureSource,
  options: ReadOptions = {},
): Promise<Picture> {
  checkSource(source);
  const limits = fillLimits(options.limits);
  const deadline = AbortSignal.timeout(Math.min(limits.seconds * 1000, longestTimer));
  const signal = options.signal ? AbortSignal.any([options.signal, deadline]) : deadline;
  const reading = { name: describeSource(source), media: pictures, limits, signal };
  try {
    signal.throwIfAborted();
    return await read(source, options, reading);
  } catch (error) {
    if (!deadline.aborted || error !== deadline.reason) throw error;
    throw new PictureLimitError(reading.name, 'seconds', limits.seconds, limits.seconds);
  }
}

async function read(
  source: PictureSource,
  options: ReadOptions,
  reading: Reading,
): Promise<Picture> {
  if (isRawPixels(source)) return pictureOfPixels(source, reading);
  const bytes = await orAborted(readBytes(source, options.web, reading), reading.signal);
  const { orientation = 'stored', sixteenBitGrey = 'clip' } = options;
  return decode(bytes, { orientation, sixteenBitGrey }, reading);
}

function checkSource(source: PictureSource): void {
  if (typeof source === 'string' || ArrayBuffer.isView(source)) return;
  if (source instanceof URL || source instanceof Blob || source instanceof ArrayBuffer) return;
  if (typeof source === 'object' && source !== null && 'channels' in source) return;
  throw new TypeError(
    'reading a picture: the source should be a path, an address, bytes, a Blob, or pixels as { width, height, channels, data }',
  );
}

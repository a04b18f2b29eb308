import { isCount } from '../check.ts';
import { PictureNotReadableError } from '../errors.ts';
import type { Picture } from '../picture.ts';
import { checkPixels, type Reading } from '../reading.ts';
import type { RawPixels } from './picture-source.ts';

/** RGB of decoded pixels: grey is repeated, alpha dropped. Shares RGB data that is given. */
export function pictureOfPixels(pixels: RawPixels, reading: Reading): Picture {
  checkPixels(reading, pixels.width, pixels.height);
  checkRawPixels(pixels, reading);
  const { width, height } = pixels;
  return { width, height, data: rgbOf(pixels) };
}

function rgbOf({ channels, data }: RawPixels): Uint8Array {
  if (channels === 3) return new Uint8Array(data.buffer, data.byteOffset, data.length);
  const grey = channels < 3;
  const rgb = new Uint8Array((data.length / channels) * 3);
  for (let from = 0, to = 0; from < data.length; from += channels, to += 3) {
    rgb[to] = data[from]!;
    rgb[to + 1] = data[grey ? from : from + 1]!;
    rgb[to + 2] = data[grey ? from : from + 2]!;
  }
  return rgb;
}

function checkRawPixels({ width, height, channels, data }: RawPixels, reading: Reading): void {
  if (!isCount(width) || !isCount(height) || ![1, 2, 3, 4].includes(channels)) {
    throw wrongPixels(
      reading,
      `${width} × ${height} with ${channels} channels: sides must be whole and at least 1, channels 1 to 4`,
    );
  }
  const expected = width * height * channels;
  if (data instanceof Uint8Array || data instanceof Uint8ClampedArray) {
    if (data.length === expected) return;
    throw wrongPixels(reading, `their data should be ${expected} bytes, but it has ${data.length}`);
  }
  throw wrongPixels(reading, 'their data should be a Uint8Array');
}

function wrongPixels(reading: Reading, problem: string): PictureNotReadableError {
  return new PictureNotReadableError(reading.name, 'ERR_PIXELS', problem);
}

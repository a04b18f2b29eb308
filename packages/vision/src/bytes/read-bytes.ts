import { PictureNotReadableError } from '../errors.ts';
import { checkLimit, type Reading } from '../reading.ts';
import { bytesOfDataUri } from './data-uri.ts';
import { bytesOfFile } from './file.ts';
import type { PictureSource, RawPixels } from './picture-source.ts';
import { bytesOfWeb } from './web.ts';
import type { WebAccess } from './web-access.ts';

/** The encoded bytes of a picture, within the limit. */
export async function readBytes(
  source: Exclude<PictureSource, RawPixels>,
  web: WebAccess | undefined,
  reading: Reading,
): Promise<Uint8Array> {
  if (typeof source === 'string') return bytesOfString(source, web, reading);
  if (source instanceof URL) return bytesOfString(source.href, web, reading);
  if (source instanceof Blob) {
    checkLimit(reading, 'bytes', source.size);
    return new Uint8Array(await source.arrayBuffer());
  }
  checkLimit(reading, 'bytes', source.byteLength);
  return source instanceof ArrayBuffer ? new Uint8Array(source) : source;
}

async function bytesOfString(
  text: string,
  web: WebAccess | undefined,
  reading: Reading,
): Promise<Uint8Array> {
  if (/^data:/i.test(text)) return bytesOfDataUri(text, reading);
  // A drive letter has one character, a scheme has more.
  const scheme = /^([a-z][a-z\d+.-]+):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return bytesOfFile(text, reading);
  if (!URL.canParse(text)) throw badAddress(reading, 'it is not a valid address');
  if (scheme === 'file') return bytesOfFile(new URL(text), reading);
  if (scheme === 'http' || scheme === 'https') return bytesOfWeb(text, web, reading);
  throw badAddress(reading, `addresses of ${scheme}: are not read`);
}

function badAddress(reading: Reading, problem: string): PictureNotReadableError {
  return new PictureNotReadableError(
    reading.name,
    'ERR_ADDRESS',
    `${problem}. Give a path, or an address of file:, data:, http: or https:`,
  );
}

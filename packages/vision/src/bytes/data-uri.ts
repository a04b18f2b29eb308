import { PictureNotReadableError } from '../errors.ts';
import { checkLimit, type Reading } from '../reading.ts';

/** The bytes of `data:[<type>][;base64],…`. The stated type is not believed: the content tells. */
export function bytesOfDataUri(uri: string, reading: Reading): Uint8Array {
  const comma = uri.indexOf(',');
  if (comma < 0) throw malformed(reading, 'it has no comma between its type and its data');
  const data = uri.slice(comma + 1);
  return /;\s*base64\s*$/i.test(uri.slice(0, comma))
    ? fromBase64(data, reading)
    : fromPercent(data, reading);
}

function fromBase64(data: string, reading: Reading): Uint8Array {
  checkLimit(reading, 'bytes', Math.floor((data.length * 3) / 4) - 2);
  const text = /%/.test(data) ? unescapePercent(data, reading) : data;
  if (/[^\w+/=\s-]/.test(text)) throw malformed(reading, 'its data is not base64');
  return Buffer.from(text, 'base64');
}

function fromPercent(data: string, reading: Reading): Uint8Array {
  checkLimit(reading, 'bytes', Math.floor(data.length / 3));
  const bytes = Buffer.from(
    data.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
    'latin1',
  );
  checkLimit(reading, 'bytes', bytes.length);
  return bytes;
}

function unescapePercent(data: string, reading: Reading): string {
  try {
    return decodeURIComponent(data);
  } catch {
    throw malformed(reading, 'its data has a broken % escape');
  }
}

function malformed(reading: Reading, problem: string): PictureNotReadableError {
  return new PictureNotReadableError(
    reading.name,
    'ERR_DATA_URI',
    `${problem}. A data URI looks like data:image/png;base64,iVBORw0…`,
  );
}

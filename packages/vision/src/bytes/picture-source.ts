import type { Size } from '../picture.ts';

/** Pixels that are decoded already: `channels` bytes a pixel (grey, grey and alpha, RGB, RGBA). */
export interface RawPixels extends Size {
  readonly channels: 1 | 2 | 3 | 4;
  readonly data: Uint8Array | Uint8ClampedArray;
}

/**
 * Where a picture may come from. A string is a path, unless it begins with `data:`, `http://`,
 * `https://` or `file://`. What a picture is, its content decides, never its name.
 */
export type PictureSource = string | URL | Uint8Array | ArrayBuffer | Blob | RawPixels;

/** Whether the source is pixels, which need no decoding. */
export function isRawPixels(source: PictureSource): source is RawPixels {
  return typeof source === 'object' && 'channels' in source;
}

/** The source as errors and logs call it: no pixels, and none of a web address's secrets. */
export function describeSource(source: PictureSource): string {
  if (typeof source === 'string') return describeString(source);
  if (source instanceof URL) return describeString(source.href);
  if (isRawPixels(source)) return `pixels of ${source.width} × ${source.height}`;
  if (source instanceof Blob) return `a blob of ${source.size} bytes`;
  return `a buffer of ${source.byteLength} bytes`;
}

function describeString(text: string): string {
  if (/^data:/i.test(text)) return 'a data URI';
  if (!/^https?:/i.test(text) || !URL.canParse(text)) return shorten(text);
  const { protocol, host, pathname } = new URL(text);
  return shorten(`${protocol}//${host}${pathname}`);
}

function shorten(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

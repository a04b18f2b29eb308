import { fillLimits } from '../limits.ts';
import type { Media, Reading } from '../reading.ts';
import { bytesOfDataUri } from './data-uri.ts';
import { describeSource } from './picture-source.ts';
import { bytesOfWeb } from './web.ts';
import type { WebAccess } from './web-access.ts';

/** How the bytes behind an address are loaded. */
export interface LoadBytesOptions {
  readonly media: Media;
  /** Which web addresses may be fetched. None without it. */
  readonly web?: WebAccess | undefined;
  /** The most bytes that are taken. */
  readonly limit: number;
  readonly signal: AbortSignal;
}

/**
 * The bytes behind a `data:`, `http:` or `https:` address, under the rules that hold for pictures:
 * for packages that read other media. The time is bounded by the signal alone.
 *
 * @throws PictureError in one of its classes; the signal's reason when it aborts.
 */
export async function loadBytes(address: string, options: LoadBytesOptions): Promise<Uint8Array> {
  const { media, web, limit, signal } = options;
  const limits = fillLimits({ bytes: limit });
  const reading: Reading = { name: describeSource(address), media, limits, signal };
  return /^data:/i.test(address)
    ? bytesOfDataUri(address, reading)
    : bytesOfWeb(address, web, reading);
}

import { PictureLimitError } from './errors.ts';
import type { PictureLimits } from './limits.ts';

/** What a web server is asked for. Other packages read videos under the same rules. */
export interface Media {
  /** As errors call one of them. */
  readonly noun: string;
  /** The media types to ask for, and those to take: servers send much as plain bytes. */
  readonly accept: string;
  readonly types: RegExp;
}

export const pictures: Media = {
  noun: 'picture',
  accept: 'image/*',
  types: /^(image\/.*|(application|binary)\/octet-stream)$/,
};

/** What every step of reading one picture has to know. */
export interface Reading {
  /** The picture as errors call it. */
  readonly name: string;
  readonly media: Media;
  readonly limits: PictureLimits;
  /** Ends with the caller's signal or with the time that `limits` allow. */
  readonly signal: AbortSignal;
}

/** @throws PictureLimitError when there is more of it than allowed. */
export function checkLimit(reading: Reading, limit: keyof PictureLimits, actual: number): void {
  const allowed = reading.limits[limit];
  if (actual > allowed) throw new PictureLimitError(reading.name, limit, actual, allowed);
}

/** @throws PictureLimitError when a picture of this size would be too large to decode. */
export function checkPixels(reading: Reading, width: number, height: number): void {
  checkLimit(reading, 'side', Math.max(width, height));
  checkLimit(reading, 'pixels', width * height);
}

/** The promise, or the signal's reason as soon as it aborts: some work cannot be called back. */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

import type { WebAccess } from '@lingbi/vision';
import { VideoLimitError } from './errors.ts';
import type { VideoLimits } from './limits.ts';

/** What every step of reading one video has to know. */
export interface Reading {
  /** The video as errors call it. */
  readonly name: string;
  readonly limits: VideoLimits;
  readonly web: WebAccess | undefined;
  /** The ffmpeg to run where one is needed; looked for without it. */
  readonly ffmpeg: string | undefined;
  /** Ends with the caller's signal or with the time that `limits` allow. */
  readonly signal: AbortSignal;
}

/** @throws VideoLimitError when there is more of it than allowed. */
export function checkLimit(
  { name, limits }: Pick<Reading, 'name' | 'limits'>,
  limit: keyof VideoLimits,
  actual: number,
): void {
  const allowed = limits[limit];
  if (actual > allowed) throw new VideoLimitError(name, limit, actual, allowed);
}

/** @throws VideoLimitError when frames of this size would be too large to decode. */
export function checkFrameSize(
  reading: Pick<Reading, 'name' | 'limits'>,
  width: number,
  height: number,
): void {
  checkLimit(reading, 'side', Math.max(width, height));
  checkLimit(reading, 'pixels', width * height);
}

/** Milliseconds; a longer timer would fire at once. */
const longestTimer = 2 ** 31 - 1;

/** A signal that aborts with the caller's, or when the time is up. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** The error as the caller should see it: a limit, if it was the time that ended the work. */
  translate(error: unknown): unknown;
}

/** Bounds a piece of work in time. */
export function deadlineOf(
  name: string,
  { seconds }: VideoLimits,
  signal: AbortSignal | undefined,
): Deadline {
  const timer = AbortSignal.timeout(Math.min(seconds * 1000, longestTimer));
  const translate = (error: unknown): unknown =>
    timer.aborted && error === timer.reason
      ? new VideoLimitError(name, 'seconds', seconds, seconds)
      : error;
  return { signal: signal ? AbortSignal.any([signal, timer]) : timer, translate };
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

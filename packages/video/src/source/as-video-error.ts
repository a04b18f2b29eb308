import {
  PictureDownloadError,
  PictureError,
  PictureLimitError,
  PictureNotReadableError,
  WebAddressRefusedError,
} from '@lingbi/vision';
import {
  VideoAddressRefusedError,
  VideoDownloadError,
  VideoError,
  VideoLimitError,
  VideoNotReadableError,
} from '../errors.ts';
import type { Reading } from '../reading.ts';

/** What went wrong while vision loaded the bytes, as an error of this package. */
export function asVideoError(error: unknown, { name }: Reading): unknown {
  if (!(error instanceof PictureError)) return error;
  // Vision's messages begin with `reading <name>: `, and so do ours.
  const problem = error.message.slice(`reading ${error.picture}: `.length);
  const options = { cause: error };
  if (error instanceof PictureLimitError && error.limit === 'bytes') {
    return new VideoLimitError(name, 'bytes', error.actual, error.allowed);
  }
  if (error instanceof WebAddressRefusedError) {
    return new VideoAddressRefusedError(name, error.host, problem, options);
  }
  if (error instanceof PictureDownloadError) {
    return new VideoDownloadError(name, error.status, problem, options);
  }
  if (error instanceof PictureNotReadableError) {
    return new VideoNotReadableError(name, error.code, problem, options);
  }
  return new VideoError(name, problem, options);
}

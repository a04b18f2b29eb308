import type { WebAccess } from '@lingbi/vision';
import { describeSource } from '@lingbi/vision';
import { fillLimits, type VideoLimits } from './limits.ts';
import type { VideoFacts } from './probe/facts.ts';
import { probe } from './probe/probe.ts';
import { deadlineOf, orAborted, type Reading } from './reading.ts';
import { readSource } from './source/read-source.ts';
import type { VideoBytes, VideoSource } from './source/video-source.ts';

/** How a video is opened. */
export interface OpenVideoOptions {
  /** Which web addresses may be fetched. None without it. */
  readonly web?: WebAccess;
  /** Bounds on size and time; what is left out has its default. They hold for decoding as well. */
  readonly limits?: Partial<VideoLimits>;
  /** The ffmpeg to run for containers that only it reads; looked for by `findFfmpeg` without it. */
  readonly ffmpeg?: string;
  readonly signal?: AbortSignal;
}

/** A video whose index is known. Holds no file open and needs no closing. */
export interface Video {
  /** The video as errors call it. */
  readonly name: string;
  readonly facts: VideoFacts;
  readonly limits: VideoLimits;
  /** Where its bytes are: a file is read again when frames are decoded. */
  readonly bytes: VideoBytes;
}

/**
 * Finds a video and reads its index: how long it is, when its frames are shown, how large they are.
 * MP4, QuickTime, Matroska, WebM and MPEG-TS need no ffmpeg for that, and no frame is decoded; other
 * containers are decoded once to count their frames.
 *
 * @throws VideoError in one of its classes, for anything wrong with the video or its address;
 *   FfmpegMissingError for a container that only ffmpeg reads; the signal's reason when it aborts.
 */
export async function openVideo(
  source: VideoSource,
  options: OpenVideoOptions = {},
): Promise<Video> {
  checkSource(source);
  const limits = fillLimits(options.limits);
  const name = describeSource(source);
  const deadline = deadlineOf(name, limits, options.signal);
  const { web, ffmpeg } = options;
  const reading: Reading = { name, limits, web, ffmpeg, signal: deadline.signal };
  try {
    deadline.signal.throwIfAborted();
    const bytes = await orAborted(readSource(source, reading), reading.signal);
    return { name, limits, bytes, facts: await probe(bytes, reading) };
  } catch (error) {
    throw deadline.translate(error);
  }
}

function checkSource(source: VideoSource): void {
  if (typeof source === 'string' || source instanceof Uint8Array) return;
  if (source instanceof URL || source instanceof Blob || source instanceof ArrayBuffer) return;
  throw new TypeError(
    'opening a video: the source should be a path, an address, a Uint8Array, an ArrayBuffer or a Blob',
  );
}

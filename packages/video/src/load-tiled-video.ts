import { createResizer, presets, type TiledPicture, tilePicture } from '@lingbi/vision';
import {
  type ComposeOptions,
  composeResized,
  type ResizedFrame,
  resizeFrame,
} from './compose/compose-frames.ts';
import { type DecodeOptions, decodeFrames } from './decode/decode-frames.ts';
import { DamagedVideoError } from './errors.ts';
import type { VideoFacts } from './probe/facts.ts';
import { type ChooseFramesOptions, chooseFrames } from './sample/choose-frames.ts';
import type { VideoSource } from './source/video-source.ts';
import type { TileFramesOptions } from './tile-frames.ts';
import { type OpenVideoOptions, openVideo, type Video } from './video.ts';

/** How a video is opened, looked at, and made into tiles. */
export interface LoadVideoOptions
  extends OpenVideoOptions,
    Omit<DecodeOptions, 'reuseMemory'>,
    ChooseFramesOptions,
    TileFramesOptions {
  /** Hears of every frame that has been decoded. */
  readonly onProgress?: (progress: VideoProgress) => void;
}

/** How far the frames of a video are. */
export interface VideoProgress {
  readonly decoded: number;
  readonly wanted: number;
}

/** A video as the model reads it. */
export interface TiledVideo extends TiledPicture {
  readonly facts: VideoFacts;
  /** The frames that the strip shows, in its order. */
  readonly frames: readonly ShownFrame[];
  /** What went wrong without being an error: complaints of ffmpeg, frames left out. */
  readonly warnings: readonly string[];
}

/** Which frame it is, and when it is shown in the video. */
export interface ShownFrame {
  readonly frame: number;
  readonly seconds: number;
}

/**
 * Opens a video, decodes the frames that the sampling picks, and makes of them the strip of tiles that
 * the model reads. Frames are resized as they come: memory grows with their number, not with the
 * length of the video.
 *
 * @throws VideoError in one of its classes, TooManyFramesError before anything is decoded;
 *   FfmpegMissingError; RangeError for a sampling that the video cannot satisfy; the signal's reason when
 *   it aborts.
 */
export async function loadTiledVideo(
  source: VideoSource | Video,
  options: LoadVideoOptions = {},
): Promise<TiledVideo> {
  const video = isVideo(source) ? source : await openVideo(source, options);
  const order = chooseFrames(video, options);
  const warnings: string[] = [];
  const onWarning = (warning: string): void => {
    warnings.push(warning);
    options.onWarning?.(warning);
  };
  const resizer = options.resizer ?? createResizer();
  const compose = { ...options, resizer };
  const resized = await decodeResized(video, order, { ...compose, onWarning });
  const shown = order.filter((frame) => resized.has(frame));
  if (shown.length < order.length) warnAboutMissing(video, order, shown, onWarning);
  const composite = composeResized(
    shown.map((frame) => resized.get(frame)!),
    compose,
  );
  options.signal?.throwIfAborted();
  const tiled = tilePicture(composite, options.preset ?? presets.videoStrip, { resizer });
  const frames = shown.map((frame) => ({ frame, seconds: video.facts.timestamps[frame]! }));
  return { ...tiled, facts: video.facts, frames, warnings };
}

type DecodeResizedOptions = LoadVideoOptions & Required<Pick<ComposeOptions, 'resizer'>>;

async function decodeResized(
  video: Video,
  frames: readonly number[],
  options: DecodeResizedOptions,
): Promise<Map<number, ResizedFrame>> {
  const resized = new Map<number, ResizedFrame>();
  const wanted = new Set(frames).size;
  const decode = { ...options, reuseMemory: true }; // a frame is resized before the next one comes
  for await (const { frame, picture } of decodeFrames(video, frames, decode)) {
    resized.set(frame, resizeFrame(picture, options.resizer));
    options.onProgress?.({ decoded: resized.size, wanted });
  }
  return resized;
}

function warnAboutMissing(
  { name }: Video,
  wanted: readonly number[],
  shown: readonly number[],
  warn: (warning: string) => void,
): void {
  const missing = wanted.filter((frame) => !shown.includes(frame));
  if (shown.length === 0) {
    throw new DamagedVideoError(name, 'not one of the frames can be decoded', missing);
  }
  warn(`${name} is damaged: frames ${missing.join(', ')} are left out`);
}

function isVideo(source: VideoSource | Video): source is Video {
  return typeof source === 'object' && source !== null && 'facts' in source;
}

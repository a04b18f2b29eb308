import type { XComposer } from '@lingbi/core';
import {
  chooseFrames,
  type LoadVideoOptions,
  loadTiledVideo,
  openVideo,
  type TiledVideo,
  type Video,
  type VideoProgress,
  type VideoSource,
} from '@lingbi/video';
import {
  type Picture,
  type PictureSource,
  presets,
  type ReadOptions,
  readPicture,
  type StripPreset,
} from '@lingbi/vision';
import type { AnswerWarning } from './events.ts';

/** A video in a list of images, and how it is looked at. */
export interface VideoInput extends Omit<LoadVideoOptions, 'preset' | 'signal'> {
  readonly video: VideoSource;
}

/** What a turn may show: pictures and videos in any order. */
export type ImageInput = PictureSource | VideoInput;

interface ShownPicture {
  readonly type: 'picture';
  readonly picture: Picture;
}

/** What a chat keeps of them: pictures whole, since how finely they are cut may change. */
export type Shown = ShownPicture | { readonly type: 'video'; readonly tiled: TiledVideo };

/** A video that is found and indexed, of which no frame is decoded yet. */
export interface OpenedVideo {
  readonly type: 'opened-video';
  readonly video: Video;
  /** How many frames it is to show, if they fit. */
  readonly frames: number;
  readonly options: Omit<VideoInput, 'video'>;
}

/** What a turn shows before its videos are decoded. */
export type Opened = ShownPicture | OpenedVideo;

/** Reads pictures and the indices of videos, one after the other. */
export async function openMedia(
  inputs: readonly ImageInput[],
  options: ReadOptions,
): Promise<readonly Opened[]> {
  const opened: Opened[] = [];
  for (const input of inputs) {
    opened.push(isVideo(input) ? await open(input, options) : await read(input, options));
  }
  return opened;
}

async function read(source: PictureSource, options: ReadOptions): Promise<ShownPicture> {
  return { type: 'picture', picture: await readPicture(source, options) };
}

async function open(
  { video: source, ...options }: VideoInput,
  { signal, web }: ReadOptions,
): Promise<OpenedVideo> {
  const video = await openVideo(source, {
    ...(web && { web }),
    ...options,
    ...(signal && { signal }),
  });
  const { sampling } = options;
  const frames = chooseFrames(video, sampling && { sampling }).length;
  return { type: 'opened-video', video, frames, options };
}

/** How videos are decoded: how far each is, and when to stop. */
export interface ShowOptions {
  /** Its tower is asked for only when there is a video: a checkpoint that reads only text has none. */
  readonly xcomposer: XComposer;
  /** Positions of the prompt that each may take, in their order. */
  readonly rooms: readonly number[];
  readonly signal: AbortSignal;
  readonly onProgress: (at: number, progress: VideoProgress) => void;
}

/** Decodes the videos among what was opened, one after the other. */
export async function showMedia(
  opened: readonly Opened[],
  { xcomposer, rooms, signal, onProgress }: ShowOptions,
): Promise<readonly Shown[]> {
  const shown: Shown[] = [];
  const left = [...rooms];
  for (const [at, each] of opened.entries()) {
    if (each.type === 'picture') {
      shown.push(each);
      continue;
    }
    const { video, options } = each;
    const tiled = await loadTiledVideo(video, {
      ...options,
      ...{ preset: stripPreset(xcomposer), signal },
      maxTokens: Math.min(left.shift()!, options.maxTokens ?? Infinity),
      onProgress(progress) {
        options.onProgress?.(progress);
        onProgress(at, progress);
      },
    });
    shown.push({ type: 'video', tiled });
  }
  return shown;
}

/** A strip of tiles as large as the checkpoint's tower reads them. */
export function stripPreset({ tower: { tileSize, patchSize } }: XComposer): StripPreset {
  return { ...presets.videoStrip, tileSize, patchSize };
}

export function videoWarnings(shown: Shown): AnswerWarning[] {
  if (shown.type === 'picture') return [];
  return shown.tiled.warnings.map((message) => ({ type: 'video', message }));
}

function isVideo(input: ImageInput): input is VideoInput {
  return typeof input === 'object' && 'video' in input;
}

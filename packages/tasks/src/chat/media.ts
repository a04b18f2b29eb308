import type { XComposer } from '@lingbi/core';
import {
  type LoadVideoOptions,
  loadTiledVideo,
  type TiledVideo,
  type VideoSource,
} from '@lingbi/video';
import {
  type Picture,
  type PictureSource,
  presets,
  type ReadOptions,
  readPicture,
} from '@lingbi/vision';
import type { AnswerWarning } from './events.ts';

/** A video in a list of images, and how it is looked at. */
export interface VideoInput extends Omit<LoadVideoOptions, 'preset' | 'signal'> {
  readonly video: VideoSource;
}

/** What a turn may show: pictures and videos in any order. */
export type ImageInput = PictureSource | VideoInput;

/** What a chat keeps of them: pictures whole, since how finely they are cut may change. */
export type Shown =
  | { readonly type: 'picture'; readonly picture: Picture }
  | { readonly type: 'video'; readonly tiled: TiledVideo };

/** Reads one after the other, so that only one is being decoded at a time. */
export async function readMedia(
  inputs: readonly ImageInput[],
  xcomposer: XComposer,
  options: ReadOptions,
): Promise<readonly Shown[]> {
  const shown: Shown[] = [];
  for (const input of inputs) {
    shown.push(
      isVideo(input) ? await readVideo(input, xcomposer, options) : await read(input, options),
    );
  }
  return shown;
}

async function read(source: PictureSource, options: ReadOptions): Promise<Shown> {
  return { type: 'picture', picture: await readPicture(source, options) };
}

async function readVideo(
  { video, ...options }: VideoInput,
  { tower }: XComposer,
  { signal, web }: ReadOptions,
): Promise<Shown> {
  const { tileSize, patchSize } = tower;
  const tiled = await loadTiledVideo(video, {
    ...(web && { web }),
    ...options,
    preset: { ...presets.videoStrip, tileSize, patchSize },
    ...(signal && { signal }),
  });
  return { type: 'video', tiled };
}

export function videoWarnings(shown: Shown): AnswerWarning[] {
  if (shown.type === 'picture') return [];
  return shown.tiled.warnings.map((message) => ({ type: 'video', message }));
}

function isVideo(input: ImageInput): input is VideoInput {
  return typeof input === 'object' && 'video' in input;
}

import type { Prompt } from '@lingbi/core';
import type { Prompt as WrittenPrompt } from '@lingbi/tokenizer';
import {
  chatPreset,
  createResizer,
  type Preset,
  type ReadOptions,
  readPicture,
  type TiledPicture,
  tilePicture,
} from '@lingbi/vision';
import { chunksOf } from '../chat/prepare-prompt.ts';
import type { Model } from '../model/open-model.ts';
import { UnsupportedSettingError } from './errors.ts';
import type { WriteRequest } from './writer.ts';
import { writerPrompt } from './writer-prompt.ts';

/** What a model is fed for a request. */
export interface ModelFeed {
  readonly prompt: WrittenPrompt;
  readonly chunks: Prompt;
}

/** Reads and tiles the pictures and puts the prompt together: everything before the model. */
export async function feedOf(
  model: Model,
  request: WriteRequest,
  reading: Omit<ReadOptions, 'signal'> = {},
): Promise<ModelFeed> {
  const { signal } = request;
  const pictures = await readAndTile(model, request, { ...reading, ...(signal && { signal }) });
  const imageTokens = pictures.map(({ plan }) => plan.tokens);
  const prompt = writerPrompt(model.tokenizer, request, imageTokens);
  return { prompt, chunks: chunksOf(prompt, pictures) };
}

async function readAndTile(
  { xcomposer }: Model,
  { images = [], tiling = chatPreset(images.length) }: WriteRequest,
  reading: ReadOptions,
): Promise<readonly TiledPicture[]> {
  if (images.length === 0) return [];
  const { tileSize, patchSize } = xcomposer.tower;
  const preset: Preset = { ...tiling, tileSize, patchSize };
  if (preset.kind === 'square') {
    const detail = 'this model reads tiles that keep the proportions; take a preset of kind "hd"';
    throw new UnsupportedSettingError('tiling', tiling, detail);
  }
  const resizer = createResizer();
  const pictures: TiledPicture[] = [];
  for (const image of images) {
    pictures.push(tilePicture(await readPicture(image, reading), preset, { resizer }));
  }
  return pictures;
}

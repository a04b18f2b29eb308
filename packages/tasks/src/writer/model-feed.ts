import type { Grid, Prompt } from '@lingbi/core';
import type { Prompt as WrittenPrompt } from '@lingbi/tokenizer';
import {
  chatPreset,
  createResizer,
  type HdPreset,
  planPicture,
  type ReadOptions,
  readPicture,
  type Size,
  type StripPreset,
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
  /** None when no picture can be cut less finely. */
  readonly cut: PictureCut | undefined;
}

/** How finely the pictures of a request are cut. */
export interface PictureCut {
  /** The most tiles of a picture. */
  readonly hdNum: number;
  /** The grids that they would get with another limit. */
  readonly grids: (hdNum: number) => readonly Grid[];
}

/** Reads and tiles the pictures and puts the prompt together: everything before the model. */
export async function feedOf(
  model: Model,
  request: WriteRequest,
  reading: Omit<ReadOptions, 'signal'> = {},
): Promise<ModelFeed> {
  const { signal, images = [] } = request;
  const preset = images.length > 0 ? presetOf(model, request) : undefined;
  const cancel = { ...reading, ...(signal && { signal }) };
  const { pictures, sizes } = await readAndTile(images, preset, cancel);
  const imageTokens = pictures.map(({ plan }) => plan.tokens);
  const prompt = writerPrompt(model.tokenizer, request, imageTokens);
  const cut = preset?.kind === 'hd' ? cutOf(sizes, preset) : undefined;
  return { prompt, chunks: chunksOf(prompt, pictures), cut };
}

function cutOf(sizes: readonly Size[], preset: HdPreset): PictureCut {
  const grids = (hdNum: number) =>
    sizes.map((size) => planPicture(size, { ...preset, hdNum }).grid);
  return { hdNum: preset.hdNum, grids };
}

/** Tiles are as large as the model's tower reads them. */
function presetOf(
  { xcomposer }: Model,
  { images = [], tiling = chatPreset(images.length) }: WriteRequest,
): HdPreset | StripPreset {
  const { tileSize, patchSize } = xcomposer.tower;
  if (tiling.kind !== 'square') return { ...tiling, tileSize, patchSize };
  const detail = 'this model reads tiles that keep the proportions; take a preset of kind "hd"';
  throw new UnsupportedSettingError('tiling', tiling, detail);
}

interface ReadPictures {
  readonly pictures: readonly TiledPicture[];
  /** Before they were cut into tiles. */
  readonly sizes: readonly Size[];
}

async function readAndTile(
  images: NonNullable<WriteRequest['images']>,
  preset: HdPreset | StripPreset | undefined,
  reading: ReadOptions,
): Promise<ReadPictures> {
  const pictures: TiledPicture[] = [];
  const sizes: Size[] = [];
  if (!preset) return { pictures, sizes };
  const resizer = createResizer();
  for (const image of images) {
    const picture = await readPicture(image, reading);
    sizes.push({ width: picture.width, height: picture.height });
    pictures.push(tilePicture(picture, preset, { resizer }));
  }
  return { pictures, sizes };
}

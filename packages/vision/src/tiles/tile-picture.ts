import type { TiledImage } from '@lingbi/core';
import { checkPicture, checkTileable } from '../check.ts';
import { type PicturePlan, planPicture } from '../layout/plan.ts';
import type { Preset } from '../layout/presets.ts';
import type { Picture } from '../picture.ts';
import { createResizer, type Resizer } from '../resize/resizer.ts';
import { paintCanvas } from './canvas.ts';
import { keyOf } from './key.ts';
import { normalTables } from './normalize.ts';
import { normalizedRows } from './plane-rows.ts';
import { tileRows } from './tile-rows.ts';

/** A picture on its canvas. Tiles are normalised when they are asked for. */
export interface TiledPicture extends TiledImage {
  readonly plan: PicturePlan;
  /** The resized picture on white, before normalising: RGB bytes, [height, width, 3]. */
  readonly canvas: Picture;
}

/** What a caller may share between pictures. */
export interface TileOptions {
  /** Saves opening one for every picture. */
  readonly resizer?: Resizer;
}

/**
 * Resizes a picture to its canvas and hands out its tiles. Keeps the canvas (3 bytes a pixel), not
 * the picture.
 *
 * @throws RangeError when the data does not fit the size, or the preset makes no tile.
 */
export function tilePicture(
  picture: Picture,
  preset: Preset,
  options: TileOptions = {},
): TiledPicture {
  checkPicture(picture, 'tiling');
  const plan = planPicture(picture, preset);
  const canvas = paintCanvas(picture, plan, options.resizer ?? createResizer());
  return { ...tileCanvas(canvas, plan.tileSize), plan, canvas };
}

/**
 * The tiles of a canvas that somebody else painted, such as the strip of a video's frames.
 *
 * @throws RangeError unless both sides are multiples of `tileSize`.
 */
export function tileCanvas(canvas: Picture, tileSize: number): TiledImage {
  checkPicture(canvas, 'cutting tiles from');
  checkTileable(canvas, tileSize);
  const key = keyOf('bytes', [canvas.width, canvas.height, tileSize], canvas.data);
  return tileRows(normalizedRows(canvas, normalTables()), tileSize, key);
}

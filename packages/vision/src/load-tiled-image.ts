import type { PictureSource } from './bytes/picture-source.ts';
import type { Preset } from './layout/presets.ts';
import { presets } from './layout/presets.ts';
import { type ReadOptions, readPicture } from './read-picture.ts';
import { type TiledPicture, type TileOptions, tilePicture } from './tiles/tile-picture.ts';

/** How a picture is read and tiled. */
export interface LoadOptions extends ReadOptions, TileOptions {
  /** `presets.chat` by default. */
  readonly preset?: Preset;
}

/** Reads a picture and tiles it: `readPicture`, then `tilePicture`. */
export async function loadTiledImage(
  source: PictureSource,
  options: LoadOptions = {},
): Promise<TiledPicture> {
  const picture = await readPicture(source, options);
  options.signal?.throwIfAborted();
  return tilePicture(picture, options.preset ?? presets.chat, options);
}

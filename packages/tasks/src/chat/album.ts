import type { XComposer } from '@lingbi/core';
import {
  chatPreset,
  createResizer,
  type HdPreset,
  type Picture,
  type TiledPicture,
  tilePicture,
} from '@lingbi/vision';

/** The pictures of a chat, cut into tiles. */
export interface Album {
  /** All pictures of a prompt in order; how many there are decides how finely each is cut. */
  tile(pictures: readonly Picture[]): readonly TiledPicture[];
}

/** Tiles are as large as the checkpoint's tower reads them; `hdNum` overrides the reference's rule. */
export function createAlbum(xcomposer: XComposer, hdNum?: number): Album {
  const resizer = createResizer();
  const known = new WeakMap<Picture, { hdNum: number; tiled: TiledPicture }>();
  const tile = (picture: Picture, preset: HdPreset): TiledPicture => {
    const earlier = known.get(picture);
    if (earlier?.hdNum === preset.hdNum) return earlier.tiled;
    const tiled = tilePicture(picture, preset, { resizer });
    known.set(picture, { hdNum: preset.hdNum, tiled });
    return tiled;
  };
  return {
    tile(pictures) {
      if (pictures.length === 0) return [];
      const rule = chatPreset(pictures.length);
      const { tileSize, patchSize } = xcomposer.tower;
      const preset = { ...rule, tileSize, patchSize, hdNum: hdNum ?? rule.hdNum };
      return pictures.map((picture) => tile(picture, preset));
    },
  };
}

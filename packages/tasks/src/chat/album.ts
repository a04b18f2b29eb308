import type { XComposer } from '@lingbi/core';
import {
  chatPreset,
  createResizer,
  type HdPreset,
  type Picture,
  type TiledPicture,
  tilePicture,
} from '@lingbi/vision';
import type { Shown } from './media.ts';

/** The pictures and videos of a chat, cut into tiles. */
export interface Album {
  /**
   * All that a prompt shows, in order. How many there are decides how finely each picture is cut; a
   * video counts as one and is a strip in any case (spec PREPROCESS §3, §6.3).
   */
  tile(shown: readonly Shown[]): readonly TiledPicture[];
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
    tile(shown) {
      if (shown.length === 0) return [];
      const rule = chatPreset(shown.length);
      const { tileSize, patchSize } = xcomposer.tower;
      const preset = { ...rule, tileSize, patchSize, hdNum: hdNum ?? rule.hdNum };
      return shown.map((each) => (each.type === 'video' ? each.tiled : tile(each.picture, preset)));
    },
  };
}

import type { Grid, XComposer } from '@lingbi/core';
import { planVideo } from '@lingbi/video';
import {
  chatPreset,
  createResizer,
  type HdPreset,
  type Picture,
  planPicture,
  type StripPreset,
  type TiledPicture,
  tilePicture,
} from '@lingbi/vision';
import { type Opened, type Shown, stripPreset } from './media.ts';

/** The pictures and videos of a chat, cut into tiles. */
export interface Album {
  /**
   * All that a prompt shows, in order. How many there are decides how finely each picture is cut; a
   * video counts as one and is a strip in any case (spec PREPROCESS §3, §6.3).
   */
  tile(shown: readonly Shown[]): readonly TiledPicture[];
  /** The positions that each will take, before videos are decoded. */
  tokens(shown: readonly (Shown | Opened)[]): readonly number[];
  /** The most tiles that a picture among these gets; none when there is no picture. */
  hdNum(shown: readonly Shown[]): number | undefined;
  /** The grids they would get with another limit. */
  grids(shown: readonly Shown[], hdNum: number): readonly Grid[];
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
  const presetFor = (count: number, most = hdNum): HdPreset => {
    const rule = chatPreset(count);
    const { tileSize, patchSize } = xcomposer.tower;
    return { ...rule, tileSize, patchSize, hdNum: most ?? rule.hdNum };
  };
  return {
    tile(shown) {
      if (shown.length === 0) return [];
      const preset = presetFor(shown.length);
      return shown.map((each) => (each.type === 'video' ? each.tiled : tile(each.picture, preset)));
    },
    tokens(shown) {
      if (shown.length === 0) return [];
      const preset = presetFor(shown.length);
      return shown.map((each) => tokensOf(each, preset, stripPreset(xcomposer)));
    },
    hdNum(shown) {
      return shown.some(({ type }) => type === 'picture')
        ? presetFor(shown.length).hdNum
        : undefined;
    },
    grids(shown, most) {
      const preset = presetFor(shown.length, most);
      return shown.map((each) =>
        each.type === 'video' ? each.tiled.grid : planPicture(each.picture, preset).grid,
      );
    },
  };
}

function tokensOf(shown: Shown | Opened, preset: HdPreset, strip: StripPreset): number {
  switch (shown.type) {
    case 'picture':
      return planPicture(shown.picture, preset).tokens;
    case 'video':
      return shown.tiled.plan.tokens;
    case 'opened-video':
      return planVideo(shown.video.facts, shown.frames, strip).strip.tokens;
    default:
      return shown satisfies never;
  }
}

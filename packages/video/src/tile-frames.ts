import {
  type Picture,
  presets,
  type StripPreset,
  type TiledPicture,
  tilePicture,
} from '@lingbi/vision';
import { type ComposeOptions, composeFrames } from './compose/compose-frames.ts';

/** How frames become the strip of tiles that the model reads. */
export interface TileFramesOptions extends ComposeOptions {
  /** `presets.videoStrip` by default: a strip 560 pixels wide. */
  readonly preset?: StripPreset;
}

/** Frames, from wherever they come, as the model reads a video (spec PREPROCESS §6.2, §6.3). */
export function tileFrames(
  frames: readonly Picture[],
  options: TileFramesOptions = {},
): TiledPicture {
  return tilePicture(composeFrames(frames, options), options.preset ?? presets.videoStrip, options);
}

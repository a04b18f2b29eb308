import {
  type Picture,
  type PicturePlan,
  planPicture,
  presets,
  type Size,
  type StripPreset,
  type TiledPicture,
  tilePicture,
} from '@lingbi/vision';
import { type ComposeOptions, composeFrames } from './compose/compose-frames.ts';
import { sizeInComposite } from './compose/frame-size.ts';
import { type CompositePlan, planComposite } from './compose/plan-composite.ts';

/** How frames become the strip of tiles that the model reads. */
export interface TileFramesOptions extends ComposeOptions {
  /** `presets.videoStrip` by default: a strip 560 pixels wide. */
  readonly preset?: StripPreset;
}

/** What becomes of so many frames, before anything is decoded. */
export interface VideoPlan {
  readonly composite: CompositePlan;
  /** Its `tokens` are the positions of the prompt. */
  readonly strip: PicturePlan;
}

/** Frames, from wherever they come, as the model reads a video (spec PREPROCESS §6.2, §6.3). */
export function tileFrames(
  frames: readonly Picture[],
  options: TileFramesOptions = {},
): TiledPicture {
  return tilePicture(composeFrames(frames, options), options.preset ?? presets.videoStrip, options);
}

/** What so many frames of one size become. Pure arithmetic: use it to plan memory and prompts. */
export function planVideo(
  frame: Size,
  count: number,
  preset: StripPreset = presets.videoStrip,
): VideoPlan {
  const sizes = Array.from({ length: count }, () => sizeInComposite(frame));
  const composite = planComposite(sizes, frame);
  return { composite, strip: planPicture(composite, preset) };
}

/**
 * The most frames of this size whose strip takes no more than so many tokens; 0 when not even one
 * fits.
 *
 * @throws RangeError when the number of tokens has no end.
 */
export function framesThatFit(
  frame: Size,
  tokens: number,
  preset: StripPreset = presets.videoStrip,
): number {
  if (!Number.isFinite(tokens))
    throw new RangeError(`fitting frames into ${tokens} tokens: give a number`);
  const fits = (count: number): boolean => planVideo(frame, count, preset).strip.tokens <= tokens;
  let most = 0;
  // Standing frames lie side by side: few of them may make a strip that stands, and takes more.
  for (let count = 1; count <= most + 4; count++) if (fits(count)) most = count;
  return most;
}

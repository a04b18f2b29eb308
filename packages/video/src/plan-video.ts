import {
  type PicturePlan,
  planPicture,
  presets,
  type Size,
  type StripPreset,
} from '@lingbi/vision';
import { sizeInComposite } from './compose/frame-size.ts';
import { type CompositePlan, planComposite } from './compose/plan-composite.ts';

/** What becomes of so many frames, before anything is decoded. */
export interface VideoPlan {
  readonly composite: CompositePlan;
  /** Its `tokens` are the positions of the prompt. */
  readonly strip: PicturePlan;
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

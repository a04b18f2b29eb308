import { presets, type Size, type StripPreset } from '@lingbi/vision';
import { TooManyFramesError } from '../errors.ts';
import { framesThatFit, planVideo } from '../plan-video.ts';
import type { Video } from '../video.ts';
import { sampleFrames } from './sample-frames.ts';
import type { Sampling } from './sampling.ts';
import { sampleAtMost } from './thin-sampling.ts';

/** Which frames of a video are looked at, and what if they are too many for the prompt. */
export interface ChooseFramesOptions {
  /** `{ kind: 'chat' }` by default. */
  readonly sampling?: Sampling;
  /** Positions of the prompt that the video may take; as many as it needs by default. */
  readonly maxTokens?: number;
  /**
   * What to do when the frames take more: an error that says how many would fit by default; `'thin'`
   * looks at so many, evenly spread.
   */
  readonly tooManyFrames?: 'error' | 'thin';
  /** `presets.videoStrip` by default: a strip 560 pixels wide. */
  readonly preset?: StripPreset;
}

/**
 * The numbers of the frames that the model will see. Nothing is decoded.
 *
 * @throws TooManyFramesError when they take more than `maxTokens` and may not be thinned, or when not
 *   even one fits; RangeError for a sampling that the video cannot satisfy.
 */
export function chooseFrames(video: Video, options: ChooseFramesOptions = {}): number[] {
  const { facts, name } = video;
  const {
    sampling = { kind: 'chat' },
    maxTokens = Infinity,
    preset = presets.videoStrip,
  } = options;
  const frames = sampleFrames(facts, sampling);
  const { tokens } = planVideo(facts, frames.length, preset).strip;
  if (tokens <= maxTokens) return frames;
  const fit = mostThatFit(facts, frames.length, maxTokens, preset);
  if (fit > 0 && mayThin(options)) return sampleAtMost(facts, sampling, fit);
  throw new TooManyFramesError(name, { frames: frames.length, tokens, maxTokens, fit });
}

/** Standing frames may fit when there are more of them, and they lie side by side: hence one by one. */
function mostThatFit(frame: Size, frames: number, maxTokens: number, preset: StripPreset): number {
  let count = Math.min(frames, framesThatFit(frame, maxTokens, preset));
  while (count > 0 && planVideo(frame, count, preset).strip.tokens > maxTokens) count--;
  return count;
}

function mayThin({ tooManyFrames = 'error' }: ChooseFramesOptions): boolean {
  switch (tooManyFrames) {
    case 'error':
      return false;
    case 'thin':
      return true;
    default:
      throw new TypeError(`tooManyFrames is ${tooManyFrames satisfies never}, not error or thin`);
  }
}

import { sampleFrames } from './sample-frames.ts';
import type { Sampling } from './sampling.ts';
import { thinToEnds } from './thin.ts';
import type { Timeline } from './timeline.ts';

/**
 * The frames that a rule picks, but no more than so many: rules that thin anyway are told to keep fewer,
 * of others the first and the last frame stay, and what lies evenly between.
 *
 * @throws RangeError as `sampleFrames` does, or for less than one frame.
 */
export function sampleAtMost(timeline: Timeline, sampling: Sampling, most: number): number[] {
  if (!(most >= 1)) throw new RangeError(`sampling at most ${most} frames: allow at least one`);
  const frames = sampleFrames(timeline, sampling);
  if (frames.length <= most) return frames;
  switch (sampling.kind) {
    case 'chat':
    case 'demo':
    case 'all':
    case 'rate':
      return sampleFrames(timeline, { ...sampling, most });
    case 'clips':
      return sampleFrames(timeline, { ...sampling, thinTo: most });
    case 'count':
      return sampleFrames(timeline, { ...sampling, count: most });
    case 'caption':
    case 'times':
    case 'frames':
      return thinToEnds(frames, most);
    default:
      return sampling satisfies never;
  }
}

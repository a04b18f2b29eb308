import type { Container, VideoFacts } from '../probe/facts.ts';

/** Frames that one run of ffmpeg decodes, ascending. */
export interface DecodeRun {
  /** The keyframe it begins at; undefined to begin with the file, and count frames instead of time. */
  readonly seekTo: number | undefined;
  readonly frames: readonly number[];
}

/**
 * Starting ffmpeg and letting it look at the file takes as long as decoding so many pixels: 50 to 350 ms
 * beside some 200 frames a second of 1080p (measured by apps/bench/src/video.ts).
 */
const startPixels = 50e6;

/** As much for an ffmpeg that runs already and goes on at another keyframe. */
const joinPixels = 4e6;

/** How runs are planned. */
export type Strategy = 'cheapest' | 'leaps' | 'one-pass';

/** What a leap takes: an ffmpeg of its own, or some more frames of one that goes on elsewhere. */
export type LeapCost = 'own-process' | { readonly framesMore: number };

/**
 * Divides the wanted frames into runs, so that together they decode the least: from a keyframe to
 * the last frame that is wanted before the next gap worth leaping over. `wanted` ascends.
 */
export function planRuns(
  facts: VideoFacts,
  wanted: readonly number[],
  strategy: Strategy = 'cheapest',
  leap: LeapCost = 'own-process',
): DecodeRun[] {
  if (wanted.length === 0) return [];
  const onePass: DecodeRun = { seekTo: undefined, frames: wanted };
  switch (strategy) {
    case 'one-pass':
      return [onePass];
    case 'leaps':
      return canSeek(facts) ? leapingRuns(facts, wanted, 0) : [onePass];
    case 'cheapest':
      return canSeek(facts) ? cheapestRuns(facts, wanted, leap) : [onePass];
    default:
      return strategy satisfies never;
  }
}

function cheapestRuns(facts: VideoFacts, wanted: readonly number[], leap: LeapCost): DecodeRun[] {
  const pixels = facts.width * facts.height;
  const start = startPixels / pixels;
  const each = leap === 'own-process' ? start : joinPixels / pixels + leap.framesMore;
  const runs = leapingRuns(facts, wanted, each);
  // Finding out ffmpeg's clock is one start more.
  const cost = start + runs.length * each + framesDecoded(runs);
  const onePass: DecodeRun = { seekTo: undefined, frames: wanted };
  return cost < start + framesDecoded([onePass]) ? runs : [onePass];
}

/** How many frames ffmpeg has to decode for these runs. */
function framesDecoded(runs: readonly DecodeRun[]): number {
  return runs.reduce((sum, { seekTo = 0, frames }) => sum + frames.at(-1)! - seekTo + 1, 0);
}

function leapingRuns(
  { keyframes }: VideoFacts,
  wanted: readonly number[],
  leapFrames: number,
): DecodeRun[] {
  const runs: { seekTo: number | undefined; frames: number[] }[] = [];
  let last = -Infinity;
  for (const frame of wanted) {
    const key = lastUpTo(keyframes, frame);
    const leap = leapFrames + frame - key + 1;
    if (frame - last <= leap) runs.at(-1)!.frames.push(frame);
    else runs.push({ seekTo: key === 0 ? undefined : key, frames: [frame] });
    last = frame;
  }
  return runs;
}

/** Containers that ffmpeg leaps in exactly. MPEG-TS has no index to seek by. */
const seekable: readonly Container[] = ['mov', 'matroska'];

/** Frames that share a time cannot be told apart by it. */
function canSeek({ container, timestamps }: VideoFacts): boolean {
  const tooClose = 1e-4; // seconds: Matroska's clock ticks a thousand times a second
  return (
    seekable.includes(container) &&
    timestamps.every((time, frame) => frame === 0 || time - timestamps[frame - 1]! > tooClose)
  );
}

function lastUpTo(ascending: readonly number[], limit: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle]! <= limit) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? 0 : ascending[low - 1]!;
}

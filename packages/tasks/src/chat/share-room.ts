import { framesThatFit, planVideo, type VideoFacts } from '@lingbi/video';
import type { StripPreset } from '@lingbi/vision';

/** A video, and how many of its frames are asked for. */
export interface WantedFrames {
  readonly facts: VideoFacts;
  readonly frames: number;
}

/**
 * How many positions each video may take so that all of them fit into `room`. Where they ask for more,
 * the same number of frames is allowed to each; 0 where not even one of each fits.
 */
export function shareRoom(
  videos: readonly WantedFrames[],
  room: number,
  preset: StripPreset,
): number[] {
  const tokens = (most: number): number[] =>
    videos.map(
      ({ facts, frames }) => planVideo(facts, Math.min(frames, most), preset).strip.tokens,
    );
  let most = Math.max(
    ...videos.map(({ facts, frames }) => Math.min(frames, framesThatFit(facts, room, preset))),
  );
  while (most > 0 && sum(tokens(most)) > room) most--;
  return most > 0 ? tokens(most) : videos.map(() => 0);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

import type { Picture } from '@lingbi/vision';
import { NoFramesError } from '../errors.ts';

/** Gives frames of a video. Knows nothing of models; each iteration starts the video anew. */
export interface VideoFrames {
  /** Every `trunc(seconds · fps)`th frame, from the first to the end. */
  every(seconds: number, signal?: AbortSignal): AsyncIterable<Picture>;
}

/** How far apart captioners want frames (spec SIDE_PROJECTS §4.1). */
export const SECONDS_BETWEEN_FRAMES = 2;

/** @throws NoFramesError when there is none. */
export async function* atLeastOne(frames: AsyncIterable<Picture>): AsyncGenerator<Picture> {
  let some = false;
  for await (const frame of frames) {
    some = true;
    yield frame;
  }
  if (!some) throw new NoFramesError();
}

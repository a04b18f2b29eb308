import type { Picture } from '@lingbi/vision';
import { pastePicture, whitePicture } from '../compose/paint.ts';

/** White rows between two frames (spec SIDE_PROJECTS §4.2). */
const between = 50;

/**
 * Two frames that follow each other as one picture, the first above, for captions of what changed.
 * Neither is resized: the second is cut to the room that the first one's size leaves.
 */
export function pairFrames(first: Picture, second: Picture): Picture {
  const { width, height } = first;
  const pair = whitePicture({ width, height: 2 * height + between });
  pastePicture(pair, first, { x: 0, y: 0 });
  pastePicture(pair, second, { x: 0, y: height + between });
  return pair;
}

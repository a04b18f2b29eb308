import type { Picture, RawPixels } from '@lingbi/vision';

/** A picture as a source of one: nothing is decoded again. */
export function asPixels(picture: Picture): RawPixels {
  return { ...picture, channels: 3 };
}

import type { PlannedImage } from '@lingbi/tasks';
import type { ReadOptions } from '@lingbi/vision';
import { UsageError } from '../exit-codes.ts';

/** A picture or video as the plan shows it. */
export interface NamedMedia {
  readonly type: 'picture' | 'video';
  /** As it was given. */
  readonly name: string;
  readonly planned: PlannedImage;
}

/** `1280x720`, which a plan takes for a picture of that size; or else a file or address, which is read. */
export async function plannedPicture(name: string, options: ReadOptions): Promise<NamedMedia> {
  const [, width, height] = /^(\d+)x(\d+)$/i.exec(name) ?? [];
  if (width && height) return { type: 'picture', name, planned: sizeOf(name, width, height) };
  const { readPicture } = await import('@lingbi/vision');
  const picture = await readPicture(name, options);
  return { type: 'picture', name, planned: { width: picture.width, height: picture.height } };
}

/** `16@1280x720`, frames and their size; or else a file, of which the frames a chat takes are counted. */
export async function plannedVideo(
  name: string,
  { web, signal }: ReadOptions,
): Promise<NamedMedia> {
  const [, frames, width, height] = /^(\d+)@(\d+)x(\d+)$/i.exec(name) ?? [];
  if (frames && width && height) {
    if (Number(frames) < 1) throw new UsageError(`--video ${name} has no frames: give at least 1`);
    return {
      type: 'video',
      name,
      planned: { frames: Number(frames), ...sizeOf(name, width, height) },
    };
  }
  const { chooseFrames, openVideo } = await import('@lingbi/video');
  const video = await openVideo(name, { ...(web && { web }), ...(signal && { signal }) });
  const size = { width: video.facts.width, height: video.facts.height };
  return { type: 'video', name, planned: { frames: chooseFrames(video).length, ...size } };
}

function sizeOf(name: string, width: string, height: string) {
  const size = { width: Number(width), height: Number(height) };
  if (size.width > 0 && size.height > 0) return size;
  throw new UsageError(`${name} has no pixels: width and height must be at least 1`);
}

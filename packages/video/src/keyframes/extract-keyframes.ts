import type { Picture } from '@lingbi/vision';
import { type DecodeOptions, decodeFrames, type VideoFrame } from '../decode/decode-frames.ts';
import type { Timeline } from '../sample/timeline.ts';
import type { Video } from '../video.ts';
import type { Similarity } from './similarity.ts';

/** How keyframes are chosen. */
export interface KeyframeOptions extends Omit<DecodeOptions, 'reuseMemory'> {
  /** Compares two frames: `cosineSimilarity` with the tower of a model, or your own. */
  readonly similarity: Similarity;
  /** A frame less like the last keyframe than this becomes one. 0.93 by default. */
  readonly threshold?: number;
}

/** What of a video is looked at (spec SIDE_PROJECTS §5). */
export interface KeyframeScan {
  /** Frames between two that are compared: two seconds. */
  readonly step: number;
  /** How many frames are considered: those of the first 120 seconds. */
  readonly count: number;
}

const scanSeconds = 120;
const ignoredSeconds = 10;
const stepSeconds = 2;

/** Which frames keyframe extraction looks at; undefined for a video of 10 seconds or less. */
export function scanForKeyframes(timeline: Timeline): KeyframeScan | undefined {
  // The reference counts with the whole part of the rate, and fails where that is 0.
  const rate = Math.max(Math.trunc(timeline.framesPerSecond), 1);
  const count = Math.min(timeline.timestamps.length, scanSeconds * rate);
  if (count <= ignoredSeconds * rate) return undefined;
  return { step: stepSeconds * rate, count };
}

/**
 * The frames of a video that differ from the keyframe before: the first, every one of a two-second
 * raster that looks different enough, and the last when nothing was chosen near it (spec
 * SIDE_PROJECTS §5). None of a video of 10 seconds or less.
 *
 * @throws what `decodeFrames` and `similarity` throw.
 */
export async function extractKeyframes(
  video: Video,
  options: KeyframeOptions,
): Promise<VideoFrame[]> {
  const scan = scanForKeyframes(video.facts);
  if (!scan) return [];
  const first = await firstWithContent(video, scan, options);
  const raster: number[] = [];
  for (let frame = first; frame < scan.count; frame += scan.step) raster.push(frame);
  const frames = decodeFrames(video, [...raster, scan.count - 1], options);
  return chooseKeyframes(frames, { ...options, step: scan.step });
}

/**
 * Keyframes among frames of an even raster, which come in order and end with the last frame of all,
 * whether or not it lies on the raster.
 */
export async function chooseKeyframes(
  frames: AsyncIterable<VideoFrame> | Iterable<VideoFrame>,
  { similarity, threshold = 0.93, step }: KeyframeOptions & { readonly step: number },
): Promise<VideoFrame[]> {
  const kept: VideoFrame[] = [];
  let start = 0;
  let last: VideoFrame | undefined;
  for await (const frame of frames) {
    last = frame;
    const anchor = kept.at(-1);
    if (!anchor) start = frame.frame;
    const onRaster = (frame.frame - start) % step === 0;
    const differs = (): Promise<boolean> | boolean =>
      !anchor || isBelow(similarity(anchor.picture, frame.picture), threshold);
    if (onRaster && (await differs())) kept.push(frame);
  }
  if (last && isLastDue(kept, last, step)) kept.push(last);
  return kept;
}

async function isBelow(value: number | Promise<number>, threshold: number): Promise<boolean> {
  return (await value) < threshold;
}

/** The end is kept when it is all there is besides the beginning, or far from the last keyframe. */
function isLastDue(kept: readonly VideoFrame[], last: VideoFrame, step: number): boolean {
  const latest = kept.at(-1)!.frame;
  if (latest === last.frame) return false;
  return kept.length === 1 || last.frame + 1 - latest >= step;
}

/** Videos fade in: a first frame of one colour is passed over, for up to two seconds. */
async function firstWithContent(
  video: Video,
  { step, count }: KeyframeScan,
  options: DecodeOptions,
): Promise<number> {
  const opening = Array.from({ length: Math.min(step + 1, count) }, (_, frame) => frame);
  let latest = 0;
  for await (const { frame, picture } of decodeFrames(video, opening, options)) {
    latest = frame;
    if (!isFlat(picture)) break;
  }
  return latest;
}

/** Whether all bytes are one value. */
export function isFlat({ data }: Picture): boolean {
  return data.every((value) => value === data[0]);
}

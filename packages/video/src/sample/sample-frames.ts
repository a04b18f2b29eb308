import { roundHalfEven } from './round.ts';
import type { ClipSampling, RateSampling, Sampling, Stretch } from './sampling.ts';
import { thinForChat, thinToEnds, thinToShares } from './thin.ts';
import { frameAt, framesBefore, type Timeline } from './timeline.ts';

/**
 * The numbers of the frames that a rule picks, from 0. Pure arithmetic over the index of a video:
 * nothing is decoded.
 *
 * @throws RangeError when the rule asks for frames that the video has not, or contradicts itself.
 */
export function sampleFrames(timeline: Timeline, sampling: Sampling): number[] {
  const { framesPerSecond } = timeline;
  switch (sampling.kind) {
    case 'chat': {
      const frames = everyNth(timeline, roundHalfEven(framesPerSecond), sampling);
      return thinForChat(frames, count(sampling.most ?? 32, 'most'));
    }
    case 'demo': {
      const frames = everyNth(timeline, 2 * roundHalfEven(framesPerSecond), sampling);
      return thinForChat(frames, count(sampling.most ?? 32, 'most'));
    }
    case 'clips':
      return clipFrames(timeline, sampling);
    case 'all':
      return thinToShares(everyNth(timeline, 1, sampling), count(sampling.most ?? 64, 'most'));
    case 'caption':
      return everyNth(timeline, Math.trunc(2 * framesPerSecond), sampling);
    case 'times':
      return sampling.seconds.map((seconds) => checkedFrameAt(timeline, seconds));
    case 'rate':
      return framesAtRate(timeline, sampling);
    case 'count':
      return thinToShares(everyNth(timeline, 1, sampling), count(sampling.count, 'count'));
    case 'frames':
      return sampling.frames.map((frame) => checkedFrame(timeline, frame));
    default:
      return unknownSampling(sampling);
  }
}

/** Slow videos have a stride below 1, with which the reference fails; then every frame is taken. */
function everyNth(timeline: Timeline, stride: number, stretch: Stretch): number[] {
  const { first, end } = framesOf(timeline, stretch);
  const step = Math.max(stride, 1);
  return Array.from({ length: Math.ceil((end - first) / step) }, (_, i) => first + i * step);
}

const clipLength = 16;

/** Spec PREPROCESS §6.1: clips of 16 frames, each frame in the middle of an equal segment. */
function clipFrames(timeline: Timeline, sampling: ClipSampling): number[] {
  const { fewest = 4, most = 32, thinTo = Infinity } = sampling;
  if (count(fewest, 'fewest') > count(most, 'most')) {
    throw new RangeError(`sampling at least ${fewest} and at most ${most} clips: raise most`);
  }
  const { first, end } = framesOf(timeline, sampling);
  const seconds = secondsOf(timeline, sampling);
  const clips = Math.min(Math.max(roundHalfEven(seconds / clipLength), fewest), most);
  const segment = (end - first - 1) / (clips * clipLength);
  const frames = Array.from({ length: clips * clipLength }, (_, i) => {
    const edges = roundHalfEven(segment * i) + roundHalfEven(segment * (i + 1));
    return first + Math.floor(edges / 2);
  });
  return thinTo === Infinity ? frames : thinToEnds(frames, count(thinTo, 'thinTo'));
}

/** Walks the frames rather than the times: a file may claim a frame that stands for a century. */
function framesAtRate(timeline: Timeline, sampling: RateSampling): number[] {
  const { framesPerSecond, most = Infinity } = sampling;
  if (!(framesPerSecond > 0 && framesPerSecond < Infinity)) {
    throw new RangeError(`sampling ${framesPerSecond} frames a second: it must be above 0`);
  }
  const { first, end } = framesOf(timeline, sampling);
  const { timestamps } = timeline;
  const start = timestamps[first]!;
  const stop = start + secondsOf(timeline, sampling);
  const ticksBefore = (seconds: number): number =>
    Math.ceil((seconds - start) * framesPerSecond - 1e-6);
  const frames: number[] = [];
  for (let frame = first; frame < end; frame++) {
    const next = frame + 1 < end ? timestamps[frame + 1]! : stop;
    if (ticksBefore(timestamps[frame]!) < ticksBefore(next)) frames.push(frame);
  }
  return most === Infinity ? frames : thinToShares(frames, count(most, 'most'));
}

/** Frame numbers of the stretch, `end` not included. There is always at least one. */
function framesOf(timeline: Timeline, { start, end }: Stretch): { first: number; end: number } {
  const frames = timeline.timestamps.length;
  const first = start === undefined ? 0 : checkedFrameAt(timeline, start);
  const stop = end === undefined ? frames : framesBefore(timeline, end);
  if (first < stop) return { first, end: stop };
  throw new RangeError(
    `sampling from ${start ?? 0} s to ${end ?? timeline.duration} s: no frame lies between. ` +
      `The video lasts ${timeline.duration} s`,
  );
}

function secondsOf({ timestamps, duration }: Timeline, { start, end }: Stretch): number {
  const whole = (timestamps[0] ?? 0) + duration;
  return Math.min(end ?? whole, whole) - (start ?? timestamps[0] ?? 0);
}

function checkedFrameAt(timeline: Timeline, seconds: number): number {
  const end = (timeline.timestamps[0] ?? 0) + timeline.duration;
  if (seconds >= 0 && seconds <= end) return frameAt(timeline, seconds);
  throw new RangeError(`sampling a frame at ${seconds} s: the video lasts from 0 to ${end} s`);
}

function checkedFrame({ timestamps }: Timeline, frame: number): number {
  if (Number.isSafeInteger(frame) && frame >= 0 && frame < timestamps.length) return frame;
  throw new RangeError(
    `sampling frame ${frame}: the video has frames 0 to ${timestamps.length - 1}`,
  );
}

function count(value: number, name: string): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new RangeError(`sampling with ${name} of ${value}: it must be whole and at least 1`);
}

function unknownSampling(sampling: never): never {
  const { kind } = sampling as { kind?: unknown };
  throw new TypeError(
    `sampling by ${String(kind)}: kind should be chat, demo, clips, all, caption, times, rate, count or frames`,
  );
}

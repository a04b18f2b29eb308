import { availableParallelism } from 'node:os';
import type { Picture, Size } from '@lingbi/vision';
import { DamagedVideoError, DecoderFailedError } from '../errors.ts';
import { checkFrameSize, deadlineOf } from '../reading.ts';
import { borrowFile } from '../source/borrow-file.ts';
import type { Video } from '../video.ts';
import { clockOffset } from './clock-offset.ts';
import { withEveryFrame } from './every-frame.ts';
import { clockCommand, type DecodeSetting, decodeCommand } from './ffmpeg-arguments.ts';
import { ffmpegOutput } from './ffmpeg-output.ts';
import { findFfmpeg } from './find-ffmpeg.ts';
import { type FrameMemory, newMemory, reusedMemory } from './frame-memory.ts';
import { type DecodeRun, planRuns, type Strategy } from './plan-runs.ts';
import { PpmError, ppmPictures } from './ppm-pictures.ts';
import { readAhead } from './read-ahead.ts';

/** How frames are decoded. */
export interface DecodeOptions {
  /** The ffmpeg to run; looked for by `findFfmpeg` without it. */
  readonly ffmpeg?: string;
  /** How many may run at once: as many as there are processors by default, at most 8. */
  readonly workers?: number;
  /**
   * `'cheapest'` by default: leaps between keyframes where that saves decoding, else one pass. The
   * others are for measuring, and for files whose index misleads.
   */
  readonly strategy?: Strategy;
  /**
   * What to do when the file breaks off before a wanted frame: an error by default; `'skip'` leaves
   * such frames out.
   */
  readonly damaged?: 'error' | 'skip';
  /**
   * Whether a picture's bytes may be used again as soon as the next frame is asked for: much faster
   * for whoever is done with a frame by then. False by default.
   */
  readonly reuseMemory?: boolean;
  /** Hears what ffmpeg complained about although it delivered. */
  readonly onWarning?: (warning: string) => void;
  readonly signal?: AbortSignal;
}

/** A decoded frame. */
export interface VideoFrame {
  /** Its number, counted from 0. */
  readonly frame: number;
  /** When it is shown. */
  readonly seconds: number;
  readonly picture: Picture;
}

/** What all runs of one decoding share. */
interface Job {
  readonly video: Video;
  readonly ffmpeg: string;
  readonly path: string;
  readonly options: DecodeOptions;
  readonly signal: AbortSignal;
  readonly workers: number;
  readonly memory: FrameMemory;
}

/** More processes than this win nothing, whatever the machine. */
const mostWorkers = 8;

/** Bytes of decoded frames that may wait for the consumer, in all. */
const waitingBytes = 128 * 1024 * 1024;

/**
 * Decodes these frames and no others: they come in ascending order, each once. ffmpeg leaps from
 * keyframe to keyframe, in several processes, where that is cheaper than one pass. A frame is what a
 * plain run of ffmpeg yields at that place. Memory stays bounded however slow the consumer is.
 *
 * @throws VideoError in one of its classes; FfmpegMissingError; RangeError for a frame that the video
 *   has not; the signal's reason when it aborts.
 */
export async function* decodeFrames(
  video: Video,
  frames: readonly number[],
  options: DecodeOptions = {},
): AsyncGenerator<VideoFrame> {
  const wanted = checkedFrames(video, frames);
  const workers = checkedWorkers(options.workers);
  if (wanted.length === 0) return;
  const deadline = deadlineOf(video.name, video.limits, options.signal);
  const end = new AbortController();
  const signal = AbortSignal.any([deadline.signal, end.signal]);
  try {
    signal.throwIfAborted();
    const { path: ffmpeg } = await findFfmpeg(options.ffmpeg);
    await using file = await borrowFile(video.bytes, signal);
    const { path } = file;
    const memory = options.reuseMemory ? reusedMemory() : newMemory;
    const job = { video, ffmpeg, path, options, signal, workers, memory };
    for await (const frame of decodeAll(job, wanted, end)) {
      yield frame;
      memory.giveBack(frame.picture.data);
    }
  } catch (error) {
    throw deadline.translate(error);
  }
}

/** Hands out the frames of all runs in order, while later runs are at work. */
async function* decodeAll(
  job: Job,
  wanted: readonly number[],
  end: AbortController,
): AsyncGenerator<VideoFrame> {
  const { runs, offset } = await planJob(job, wanted);
  const started: ReadableStream<VideoFrame>[] = [];
  const finished: Promise<void>[] = [];
  // A lane that has finished may wait with its frames while the next ones are at work.
  const ahead = 2 * job.workers;
  const setting = settingOf(job, runs.length, offset);
  const start = (at: number): void => {
    const { promise, resolve } = resolvable();
    finished.push(promise);
    const lane = inTurn(finished[at - job.workers], decodeRun(runs[at]!, job, setting), resolve);
    started.push(readAhead(lane, ({ picture }) => picture.data.length, waitingBytes / ahead));
  };
  try {
    for (let at = 0; at < runs.length; at++) {
      while (started.length < Math.min(at + ahead, runs.length)) start(started.length);
      yield* started[at]!;
    }
  } finally {
    end.abort();
    await Promise.allSettled(started.map((lane) => lane.cancel()));
  }
}

/** Lets a lane begin when an earlier one has ended, so that no more run than there are workers. */
async function* inTurn(
  earlier: Promise<void> | undefined,
  lane: AsyncGenerator<VideoFrame>,
  whenDone: () => void,
): AsyncGenerator<VideoFrame> {
  try {
    await earlier;
    yield* lane;
  } finally {
    whenDone();
  }
}

interface PlannedJob {
  readonly runs: readonly DecodeRun[];
  readonly offset: number;
}

async function planJob(job: Job, wanted: readonly number[]): Promise<PlannedJob> {
  const onePass: PlannedJob = { runs: [{ seekTo: undefined, frames: wanted }], offset: 0 };
  // Only by counting from the beginning can it be told which frames of a broken file are missing.
  if (job.options.damaged === 'skip') return onePass;
  const runs = planRuns(job.video.facts, wanted, job.options.strategy);
  if (runs.every(({ seekTo }) => seekTo === undefined)) return { runs, offset: 0 };
  const setting = settingOf(job, 1, 0);
  const run = { ...outputOf(job), arguments: clockCommand(setting) };
  const offset = await clockOffset(run, job.video.facts);
  return offset === undefined ? onePass : { runs, offset };
}

/** Without the words of one version of ffmpeg. */
type SharedSetting = Omit<DecodeSetting, 'everyFrame'>;

function settingOf(job: Job, runs: number, offset: number): SharedSetting {
  const { video, path, workers } = job;
  const threads = runs > 1 ? Math.max(Math.floor(workers / runs), 1) : undefined;
  return {
    path,
    facts: video.facts,
    maxPixels: video.limits.pixels,
    threads,
    clockOffset: offset,
  };
}

function outputOf({ video, ffmpeg, signal }: Job): Parameters<typeof clockOffset>[0] {
  return { video: video.name, ffmpeg, signal, arguments: [] };
}

function decodeRun(run: DecodeRun, job: Job, setting: SharedSetting): AsyncGenerator<VideoFrame> {
  return withEveryFrame((everyFrame) => runFfmpeg(run, job, { ...setting, everyFrame }));
}

async function* runFfmpeg(
  run: DecodeRun,
  job: Job,
  setting: DecodeSetting,
): AsyncGenerator<VideoFrame> {
  const { timestamps } = job.video.facts;
  const { arguments: args, frames } = decodeCommand(run, setting);
  const wanted = new Set(run.frames);
  let count = 0;
  for await (const picture of picturesOf(args, job)) {
    const frame = frames[count++]!;
    if (wanted.has(frame)) yield { frame, seconds: timestamps[frame]!, picture };
    if (count === frames.length) return; // ffmpeg is not waited for: it has nothing more to give
  }
  checkMissing(
    run.frames.filter((frame) => frames.indexOf(frame) >= count),
    run,
    job,
  );
}

async function* picturesOf(args: readonly string[], job: Job): AsyncGenerator<Picture> {
  const { video, ffmpeg, options, memory } = job;
  const onComplaints = (text: string): void =>
    options.onWarning?.(`ffmpeg on ${video.name}: ${text}`);
  const output = ffmpegOutput({ ...outputOf(job), arguments: args, onComplaints });
  try {
    const checkSize = ({ width, height }: Size): void => checkFrameSize(video, width, height);
    yield* ppmPictures(output, checkSize, memory);
  } catch (error) {
    if (!(error instanceof PpmError)) throw error;
    throw new DecoderFailedError(video.name, ffmpeg, `failed: ${error.message}`, '', {
      cause: error,
    });
  }
}

function checkMissing(missing: readonly number[], { seekTo }: DecodeRun, job: Job): void {
  if (job.options.damaged === 'skip' && seekTo === undefined) return;
  const { name, facts } = job.video;
  throw new DamagedVideoError(
    name,
    `frame ${missing[0]} cannot be decoded, although the file lists ${facts.frameCount}. ` +
      "Ask for earlier frames, or leave out what is missing with damaged: 'skip'",
    missing,
  );
}

/** Ascending, each once. */
function checkedFrames({ name, facts }: Video, frames: readonly number[]): number[] {
  for (const frame of frames) {
    if (Number.isSafeInteger(frame) && frame >= 0 && frame < facts.frameCount) continue;
    throw new RangeError(
      `decoding frame ${frame} of ${name}: it has frames 0 to ${facts.frameCount - 1}`,
    );
  }
  return [...new Set(frames)].sort((a, b) => a - b);
}

function checkedWorkers(workers = Math.min(availableParallelism(), mostWorkers)): number {
  if (Number.isSafeInteger(workers) && workers >= 1) return workers;
  throw new RangeError(`decoding with ${workers} workers: give a whole number, at least 1`);
}

function resolvable(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

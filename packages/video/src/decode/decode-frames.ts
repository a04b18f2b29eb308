import { availableParallelism } from 'node:os';
import type { Picture, Size } from '@lingbi/vision';
import { DamagedVideoError, DecoderFailedError } from '../errors.ts';
import { checkFrameSize, deadlineOf } from '../reading.ts';
import { borrowFile } from '../source/borrow-file.ts';
import type { Video } from '../video.ts';
import { withEveryFrame } from './every-frame.ts';
import {
  clockCommand,
  type DecodeCommand,
  type DecodeSetting,
  decodeCommand,
  joinedCommand,
} from './ffmpeg-arguments.ts';
import { type FfmpegRun, ffmpegOutput } from './ffmpeg-output.ts';
import { ffmpegView } from './ffmpeg-view.ts';
import { findFfmpeg } from './find-ffmpeg.ts';
import { type FrameMemory, newMemory, reusedMemory } from './frame-memory.ts';
import { type DecodingPlan, type Lane, onePass, planDecoding } from './plan-decoding.ts';
import type { DecodeRun, Strategy } from './plan-runs.ts';
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
  const plan = await planJob(job, wanted);
  const { runs, lanes } = plan;
  const sizeOf = ({ picture }: VideoFrame): number => picture.data.length;
  const readers = lanes.map((lane) =>
    readAhead(decodeLane(lane, plan, job), sizeOf, waitingBytes / lanes.length).getReader(),
  );
  try {
    for (const [at, { frames }] of runs.entries()) {
      yield* take(frames.length, readers[at % lanes.length]!);
    }
  } finally {
    end.abort();
    await Promise.allSettled(readers.map((reader) => reader.cancel()));
  }
}

async function* take<T>(count: number, reader: ReadableStreamDefaultReader<T>): AsyncGenerator<T> {
  for (let taken = 0; taken < count; taken++) {
    const next = await reader.read();
    if (next.done) return;
    yield next.value;
  }
}

function planJob(job: Job, wanted: readonly number[]): Promise<DecodingPlan> | DecodingPlan {
  const { video, options, workers, signal } = job;
  // Only by counting from the beginning can it be told which frames of a broken file are missing.
  if (options.damaged === 'skip') return onePass(wanted);
  const look = () => {
    const run = { ...outputOf(job), arguments: clockCommand(settingOf(job, 1, 0)) };
    return ffmpegView(run, video.facts);
  };
  return planDecoding(video, wanted, { workers, strategy: options.strategy, signal, look });
}

/** Without the words of one version of ffmpeg. */
type SharedSetting = Omit<DecodeSetting, 'everyFrame'>;

function settingOf(job: Job, processes: number, clockOffset: number): SharedSetting {
  const { video, path, workers } = job;
  const threads = processes > 1 ? Math.max(Math.floor(workers / processes), 1) : undefined;
  return { path, facts: video.facts, maxPixels: video.limits.pixels, threads, clockOffset };
}

function outputOf({ video, ffmpeg, signal }: Job): Omit<FfmpegRun, 'onComplaints'> {
  return { video: video.name, ffmpeg, signal, arguments: [] };
}

async function* decodeLane(lane: Lane, plan: DecodingPlan, job: Job): AsyncGenerator<VideoFrame> {
  const shared = settingOf(job, plan.lanes.length, plan.clockOffset);
  for (const runs of lane) {
    yield* withEveryFrame((everyFrame) => {
      const setting = { ...shared, everyFrame };
      const [run] = runs;
      const command =
        runs.length === 1
          ? decodeCommand(run!, setting)
          : joinedCommand(runs, setting, plan.extraSeconds);
      return runFfmpeg(runs, command, job);
    });
  }
}

async function* runFfmpeg(
  runs: readonly DecodeRun[],
  command: DecodeCommand,
  job: Job,
): AsyncGenerator<VideoFrame> {
  const { timestamps } = job.video.facts;
  const { frames } = command;
  const wanted = runs.flatMap((run) => run.frames);
  const isWanted = new Set(wanted);
  let count = 0;
  for await (const picture of picturesOf(command, job)) {
    const frame = frames[count++]!;
    if (isWanted.has(frame)) yield { frame, seconds: timestamps[frame]!, picture };
    if (count === frames.length) return; // ffmpeg is not waited for: it has nothing more to give
  }
  const missing = wanted.filter((frame) => frames.indexOf(frame) >= count);
  checkMissing(missing, runs[0]!, job);
}

async function* picturesOf(command: DecodeCommand, job: Job): AsyncGenerator<Picture> {
  const { video, ffmpeg, options, memory } = job;
  const onComplaints = (text: string): void =>
    options.onWarning?.(`ffmpeg on ${video.name}: ${text}`);
  const { arguments: args, input } = command;
  const output = ffmpegOutput({ ...outputOf(job), arguments: args, input, onComplaints });
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

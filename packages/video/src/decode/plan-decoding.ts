import type { VideoFacts } from '../probe/facts.ts';
import { areFreshStarts } from '../probe/fresh-starts.ts';
import type { Video } from '../video.ts';
import { countSpans, mostSpans } from './ffmpeg-arguments.ts';
import type { FfmpegView } from './ffmpeg-view.ts';
import { type DecodeRun, planRuns, type Strategy } from './plan-runs.ts';

/** Who decodes what. */
export interface DecodingPlan {
  /** In the order of their frames. */
  readonly runs: readonly DecodeRun[];
  /** The runs dealt out in turn, to as many lanes as there are workers for. */
  readonly lanes: readonly Lane[];
  /** What to add to a time of the index to have ffmpeg's. */
  readonly clockOffset: number;
  /** How much longer a piece of a joined run is read, for what is stored between. */
  readonly extraSeconds: number;
}

/** Processes one after another; each decodes one run, or several that are joined. */
export type Lane = readonly (readonly DecodeRun[])[];

/** What a plan depends on besides the video. */
export interface PlanOptions {
  readonly workers: number;
  readonly strategy: Strategy | undefined;
  readonly signal: AbortSignal;
  /** Asks ffmpeg how it sees the file; undefined when it does not tell. */
  readonly look: () => Promise<FfmpegView | undefined>;
}

/** Everything in one pass, from the beginning of the file. */
export function onePass(wanted: readonly number[]): DecodingPlan {
  const runs = [{ seekTo: undefined, frames: wanted }];
  return { runs, lanes: [[runs]], clockOffset: 0, extraSeconds: 0 };
}

/**
 * The cheapest way to these frames: one pass, or leaps between keyframes. Leaps are joined in one
 * ffmpeg for each worker where the decoder may go on at another keyframe as if nothing had been
 * before; elsewhere each of them needs a process of its own, and only longer leaps are worth it.
 */
export async function planDecoding(
  video: Video,
  wanted: readonly number[],
  options: PlanOptions,
): Promise<DecodingPlan> {
  const { facts } = video;
  const { strategy, workers, signal } = options;
  const separate = planRuns(facts, wanted, strategy);
  const joined = planRuns(facts, wanted, strategy, { framesMore: 0 });
  if (![...separate, ...joined].some(leaps)) return onePass(wanted);
  const view = await options.look();
  if (!view) return onePass(wanted);
  const { clockOffset } = view;
  const extraSeconds = secondsBetweenStreams(facts, view);
  const framesMore = extraSeconds * facts.framesPerSecond;
  const runs = planRuns(facts, wanted, strategy, { framesMore });
  if (runs.some(leaps) && (await canJoin(video, runs, extraSeconds, signal))) {
    const lanes = deal(runs, workers).map(batchesOf);
    return { runs, lanes, clockOffset, extraSeconds };
  }
  if (!separate.some(leaps)) return onePass(wanted);
  const lanes = deal(separate, workers).map((lane) => lane.map((run) => [run]));
  return { runs: separate, lanes, clockOffset, extraSeconds: 0 };
}

function leaps({ seekTo }: DecodeRun): boolean {
  return seekTo !== undefined;
}

/**
 * A piece ends with the first packet after its end, be it sound. ffmpeg reads MP4 in the order of the
 * file unless streams would be more than a second apart (mov_find_next_sample); in Matroska they may be
 * apart as far as they like.
 */
function secondsBetweenStreams({ container }: VideoFacts, { isVideoAlone }: FfmpegView): number {
  if (isVideoAlone) return 0;
  return container === 'mov' ? 1.1 : Infinity;
}

/** Frames that may be decoded before they are shown, at most: those of H.264 and HEVC. */
const mostReordered = 16;

async function canJoin(
  video: Video,
  runs: readonly DecodeRun[],
  extraSeconds: number,
  signal: AbortSignal,
): Promise<boolean> {
  const { keyframes } = video.facts;
  const begins = runs.map(({ seekTo = 0 }) => seekTo);
  // A keyframe that follows sooner might be decoded before this one is shown, and be taken for it.
  const isApart = (key: number): boolean => {
    const at = keyframes.indexOf(key);
    return at >= 0 && (keyframes[at + 1] ?? Infinity) - key > mostReordered;
  };
  if (!Number.isFinite(extraSeconds) || !begins.every(isApart)) return false;
  return areFreshStarts(video, begins, signal);
}

function deal(runs: readonly DecodeRun[], workers: number): DecodeRun[][] {
  const lanes = Math.min(workers, runs.length);
  return Array.from({ length: lanes }, (_, lane) => runs.filter((_, at) => at % lanes === lane));
}

/** As few processes as the length of a filter's expression allows. */
function batchesOf(lane: readonly DecodeRun[]): DecodeRun[][] {
  const batches: DecodeRun[][] = [];
  for (const run of lane) {
    const batch = batches.at(-1);
    if (batch && countSpans([...batch, run]) <= mostSpans) batch.push(run);
    else batches.push([run]);
  }
  return batches;
}

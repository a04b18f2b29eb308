import type { VideoFacts } from '../probe/facts.ts';
import { containedInput, joinedInput } from './contained-input.ts';
import type { DecodeRun } from './plan-runs.ts';

/** What the arguments depend on besides the run. */
export interface DecodeSetting {
  readonly path: string;
  readonly facts: VideoFacts;
  /** The most pixels that a frame may have, whatever the file said before. */
  readonly maxPixels: number;
  /** Threads of one run; undefined leaves it to ffmpeg. */
  readonly threads: number | undefined;
  /** What to add to a time of the index to have ffmpeg's. */
  readonly clockOffset: number;
  /** The option has another name before ffmpeg 5.1. */
  readonly everyFrame: readonly string[];
}

/** Spans that the filter is asked to pass, at most: its expression must stay short. */
export const mostSpans = 200;

/** Frames `first` to `last`, each included. */
interface Span {
  readonly first: number;
  readonly last: number;
}

/** What ffmpeg passes on: the frames of the run, and what lies between if they are very many. */
export interface DecodeCommand {
  readonly arguments: readonly string[];
  /** The numbers of the frames that come out, in order. */
  readonly frames: readonly number[];
  /** What ffmpeg reads from its standard input. */
  readonly input?: string;
}

/** Makes ffmpeg write the frames of a run as PPM. */
export function decodeCommand(run: DecodeRun, setting: DecodeSetting): DecodeCommand {
  const spans = spansOf(run.frames);
  const frames = framesIn(spans);
  const passed = selection(run, spans, setting);
  return { arguments: commandOf(inputArguments(run, setting), passed, frames, setting), frames };
}

/**
 * Makes one ffmpeg write the frames of several runs, each of which begins at a keyframe. It starts once,
 * and neither analyses the file anew nor takes new memory for each of them.
 */
export function joinedCommand(
  runs: readonly DecodeRun[],
  setting: DecodeSetting,
  extraSeconds: number,
): DecodeCommand {
  const { facts, path, threads } = setting;
  const pieces = piecesOf(runs, setting, extraSeconds);
  const passed = pieces
    .flatMap(({ spans, clockOffset }) => spans.map(byTime({ facts, clockOffset })))
    .join('+');
  const frames = pieces.flatMap(({ spans }) => framesIn(spans));
  const { container } = facts;
  const source = joinedInput({ container, maxPixels: setting.maxPixels }, threadArguments(threads));
  return {
    arguments: commandOf(source, passed, frames, setting),
    frames,
    input: joinedList(path, pieces),
  };
}

function commandOf(
  input: readonly string[],
  passed: string,
  frames: readonly number[],
  { everyFrame }: DecodeSetting,
): string[] {
  return [
    ...['-v', 'error', '-nostdin', '-copyts', ...input],
    ...['-map', '0:V:0', '-vf', `select='${passed}'`],
    ...[...everyFrame, '-frames:v', String(frames.length)],
    ...['-f', 'image2pipe', '-c:v', 'ppm', '-pix_fmt', 'rgb24', 'pipe:1'],
  ];
}

function framesIn(spans: readonly Span[]): number[] {
  return spans.flatMap(({ first, last }) =>
    Array.from({ length: last - first + 1 }, (_, i) => first + i),
  );
}

/** How many spans the filter is asked to pass for these runs. */
export function countSpans(runs: readonly DecodeRun[]): number {
  return runs.reduce((sum, { frames }) => sum + spansOf(frames).length, 0);
}

/** What is decoded of the file for a run, in seconds of ffmpeg's clock. */
interface Piece {
  readonly spans: readonly Span[];
  readonly from: number;
  readonly to: number;
  /** How much of the clock of all pieces it takes. */
  readonly lasts: number;
  /** What to add to a time of the index to have that of the joined clock. */
  readonly clockOffset: number;
}

function piecesOf(
  runs: readonly DecodeRun[],
  { facts: { timestamps }, clockOffset }: DecodeSetting,
  extraSeconds: number,
): Piece[] {
  let before = 0;
  return runs.map(({ seekTo = 0, frames }) => {
    const last = timestamps[frames.at(-1)!]!;
    const afterLast = timestamps[frames.at(-1)! + 1] ?? last + 1;
    // Rounded up: a little before the keyframe decoding would begin at the one before it.
    const from = asMicroseconds(timestamps[seekTo]! + clockOffset + 2e-6);
    const to = asMicroseconds((last + afterLast) / 2 + clockOffset + extraSeconds);
    const lasts = asMicroseconds(to - from + 1);
    const piece = {
      spans: spansOf(frames),
      from,
      to,
      lasts,
      clockOffset: clockOffset - from + before,
    };
    before += lasts;
    return piece;
  });
}

function asMicroseconds(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e6;
}

function joinedList(path: string, pieces: readonly Piece[]): string {
  const file = `file 'file:${path.replaceAll("'", "'\\''")}'`;
  const lines = pieces.map(
    ({ from, to, lasts }) =>
      `${file}\ninpoint ${from.toFixed(6)}\noutpoint ${to.toFixed(6)}\nduration ${lasts.toFixed(6)}\n`,
  );
  return `ffconcat version 1.0\n${lines.join('')}`;
}

function threadArguments(threads: number | undefined): string[] {
  return threads === undefined ? [] : ['-threads', String(threads)];
}

/** Makes ffmpeg say when it shows the first frame. */
export function clockCommand(setting: Omit<DecodeSetting, 'everyFrame'>): string[] {
  const run = { seekTo: undefined, frames: [0] };
  const input = inputArguments(run, { ...setting, clockOffset: 0, everyFrame: [] });
  const show = ['-map', '0:V:0', '-vf', 'showinfo', '-frames:v', '1', '-f', 'null', '-'];
  return ['-v', 'info', '-nostats', '-hide_banner', '-nostdin', '-copyts', ...input, ...show];
}

function inputArguments(run: DecodeRun, setting: DecodeSetting): string[] {
  const { path, facts, maxPixels, threads } = setting;
  const options = [...threadArguments(threads), ...seekArguments(run, setting)];
  return containedInput({ path, container: facts.container, maxPixels }, options);
}

/** ffmpeg goes back a little further for codecs with frames out of order (3/23 s, ffmpeg_demux.c). */
const seekSlack = 0.2;

function seekArguments({ seekTo }: DecodeRun, { facts, clockOffset }: DecodeSetting): string[] {
  if (seekTo === undefined) return [];
  const { timestamps, keyframes } = facts;
  const next = keyframes.find((key) => key > seekTo);
  const start = timestamps[seekTo]!;
  const room = next === undefined ? seekSlack : (timestamps[next]! - start) / 2;
  const seconds = start + clockOffset + Math.min(room, seekSlack);
  return ['-noaccurate_seek', '-seek_timestamp', '1', '-ss', seconds.toFixed(6)];
}

function spansOf(frames: readonly number[]): Span[] {
  const spans: Span[] = [];
  for (const frame of frames) {
    const span = spans.at(-1);
    if (span && frame === span.last + 1)
      spans[spans.length - 1] = { first: span.first, last: frame };
    else spans.push({ first: frame, last: frame });
  }
  return spans.length <= mostSpans ? spans : [{ first: frames[0]!, last: frames.at(-1)! }];
}

/** By number from the beginning of the file, by time after a leap. */
function selection(run: DecodeRun, spans: readonly Span[], setting: DecodeSetting): string {
  const term = run.seekTo === undefined ? byNumber : byTime(setting);
  return spans.map(term).join('+');
}

function byNumber({ first, last }: Span): string {
  return `between(n,${first},${last})`;
}

function byTime({
  facts: { timestamps },
  clockOffset,
}: Pick<DecodeSetting, 'facts' | 'clockOffset'>): (span: Span) => string {
  // A third of the way to the neighbours: clocks of other units round, but never that far.
  const slack = (frame: number, neighbour: number): number =>
    Math.min(Math.abs((timestamps[neighbour] ?? Infinity) - timestamps[frame]!) / 3, 0.01);
  return ({ first, last }) => {
    const from = timestamps[first]! + clockOffset - slack(first, first - 1);
    const to = timestamps[last]! + clockOffset + slack(last, last + 1);
    return `between(t,${from.toFixed(6)},${to.toFixed(6)})`;
  };
}

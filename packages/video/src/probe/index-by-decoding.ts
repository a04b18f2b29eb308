import { containedInput } from '../decode/contained-input.ts';
import { withEveryFrame } from '../decode/every-frame.ts';
import { ffmpegOutput } from '../decode/ffmpeg-output.ts';
import { findFfmpeg } from '../decode/find-ffmpeg.ts';
import { DamagedVideoError, DecoderFailedError, NoFramesError } from '../errors.ts';
import { checkFrameSize, checkLimit, type Reading } from '../reading.ts';
import { borrowFile } from '../source/borrow-file.ts';
import type { VideoBytes } from '../source/video-source.ts';
import type { Container, VideoFacts } from './facts.ts';
import { lineByLine } from './line-by-line.ts';

/**
 * The index of a video that has none, or one that only ffmpeg reads: all of it is decoded once, and
 * what comes out is counted. That is as slow as it sounds, and as exact.
 */
export async function indexByDecoding(
  video: VideoBytes,
  container: Container,
  reading: Reading,
): Promise<VideoFacts> {
  const { path: ffmpeg } = await findFfmpeg(reading.ffmpeg);
  await using file = await borrowFile(video, reading.signal);
  const found = newFindings();
  try {
    const { name: video, limits, signal } = reading;
    const input = containedInput({ path: file.path, container, maxPixels: limits.pixels });
    const output = withEveryFrame((everyFrame) => {
      const args = ['-v', 'error', '-nostdin', ...input, ...everyFrame, ...outputArguments];
      return ffmpegOutput({ video, ffmpeg, signal, arguments: args });
    });
    for await (const line of lineByLine(output)) readLine(line, found, reading);
  } catch (error) {
    // A file that breaks off has the frames before that.
    if (!(error instanceof DecoderFailedError)) throw error;
    if (found.times.length === 0) throw asVideoError(error, reading);
  }
  return factsOf(found, container, reading);
}

const noTrack = /matches no streams/;

function asVideoError(error: DecoderFailedError, { name }: Reading): Error {
  const options = { cause: error };
  if (noTrack.test(error.complaints)) {
    return new NoFramesError(name, 'it has no video track', options);
  }
  if (error.complaints === '') return error;
  const problem = `ffmpeg finds no frame in it (${error.complaints.slice(0, 300)})`;
  return new DamagedVideoError(name, problem, [], options);
}

/** Ticks in which ffmpeg is asked for times: those of MPEG, finer than any rate. */
const ticksPerSecond = 90_000;

/** A line for each frame, and no copy of its pixels. */
const outputArguments = [
  ...['-map', '0:V:0', '-c:v', 'wrapped_avframe', '-enc_time_base', `1/${ticksPerSecond}`],
  ...['-f', 'framecrc', 'pipe:1'],
];

interface Findings {
  width: number;
  height: number;
  pixelAspectRatio: number;
  tickSeconds: number;
  /** Seconds, in the order in which ffmpeg shows the frames. */
  readonly times: number[];
}

function newFindings(): Findings {
  return { width: 0, height: 0, pixelAspectRatio: 1, tickSeconds: 1 / ticksPerSecond, times: [] };
}

/** Headers are `#name stream: value`, frames `stream, dts, pts, duration, size, checksum`. */
function readLine(line: string, found: Findings, reading: Reading): void {
  if (line.startsWith('#')) readHeader(line, found, reading);
  else readFrame(line, found, reading);
}

function readHeader(line: string, found: Findings, reading: Reading): void {
  const [, name, first, second] = /^#(\w+) 0: (\d+)[x/](\d+)/.exec(line) ?? [];
  const [a, b] = [Number(first), Number(second)];
  if (name === 'tb') found.tickSeconds = a / b;
  if (name === 'sar' && a > 0 && b > 0) found.pixelAspectRatio = a / b;
  if (name !== 'dimensions') return;
  checkFrameSize(reading, a, b);
  found.width = a;
  found.height = b;
}

function readFrame(line: string, found: Findings, reading: Reading): void {
  const frame = /^0, *-?\d+, *(-?\d+),/.exec(line);
  if (!frame) return;
  checkLimit(reading, 'frames', found.times.push(Number(frame[1]) * found.tickSeconds));
  checkLimit(reading, 'duration', found.times.at(-1)! - found.times[0]!);
}

function factsOf(found: Findings, container: Container, { name }: Reading): VideoFacts {
  const { times, tickSeconds: _, ...size } = found;
  const frameCount = times.length;
  if (frameCount === 0) throw new NoFramesError(name, 'its video track has no frames');
  const timestamps = Float64Array.from(times).sort();
  const played = timestamps[frameCount - 1]! - timestamps[0]!;
  // Nothing says how long the last frame lasts: as long as the others.
  const framesPerSecond = played > 0 ? rounded((frameCount - 1) / played) : 1;
  const duration = played > 0 ? rounded((played * frameCount) / (frameCount - 1)) : 0;
  const facts = { container, codec: undefined, rotation: 0, keyframes: [0] } as const;
  return { ...facts, ...size, frameCount, framesPerSecond, duration, timestamps };
}

/** Ticks make 25 frames a second 25.000000001: a millionth is as exact as they get. */
function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}

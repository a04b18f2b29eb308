/**
 * Wanted frames of generated 1080p clips, beside one plain pass of ffmpeg over the same clip:
 *
 *     npm run bench -- video
 *
 * LINGBI_BENCH_SECONDS is the length of the long clips: 300 by default, with as many frames wanted as
 * lie 140 apart: 64 of five minutes. LINGBI_BENCH_CLIPS is a folder that keeps the clips for another
 * time; making them takes longer than measuring.
 */
import { fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeFrames, findFfmpeg, openVideo, sampleFrames } from '@lingbi/video';
import { type Bench, medianOf, milliseconds, type Row, rowOf, takeTurns } from './bench.ts';

const RUNS = 3;
const longSeconds = Number(process.env['LINGBI_BENCH_SECONDS'] ?? 300);
const keptClips = process.env['LINGBI_BENCH_CLIPS'];
const framesPerSecond = 30;
/** Frames between two that are wanted: 64 of the 9,000 of five minutes. */
const spacing = 140;

/** A generated clip, and how many frames of it are wanted. */
interface Clip {
  readonly seconds: number;
  /** Frames from keyframe to keyframe. */
  readonly group: number;
  readonly wanted: number;
}

const longFrames = Math.floor((longSeconds * framesPerSecond) / spacing);
const longGroups: Clip = { seconds: longSeconds, group: 250, wanted: longFrames };
const shortGroups: Clip = { seconds: longSeconds, group: 60, wanted: longFrames };
const short: Clip = { seconds: 5, group: 250, wanted: 16 };

export const videoBench: Bench = {
  describe: `Frames of 1080p h264 clips of ${longSeconds} and 5 seconds, beside one pass of ffmpeg`,
  run: benchVideo,
};

/** Where clips are, and what makes and decodes them. */
interface Studio {
  readonly folder: string;
  readonly ffmpeg: string;
  /** ffmpeg with its version. */
  readonly name: string;
}

async function benchVideo(): Promise<Row[]> {
  const { path: ffmpeg } = await findFfmpeg();
  const folder = keptClips ?? (await mkdtemp(join(tmpdir(), 'lingbi-bench-')));
  await mkdir(folder, { recursive: true });
  const studio = { folder, ffmpeg, name: nameOf(ffmpeg) };
  try {
    const rows: Row[] = [];
    for (const clip of [longGroups, shortGroups, short]) rows.push(await benchClip(clip, studio));
    return [...rows, await benchMemory(studio)];
  } finally {
    if (keptClips === undefined) await rm(folder, { recursive: true });
  }
}

async function benchClip(clip: Clip, studio: Studio): Promise<Row> {
  const path = await clipFile(clip, studio);
  const { facts } = await openVideo(path);
  const frames = sampleFrames(facts, { kind: 'count', count: clip.wanted });
  const steps = new Map([
    ['ours', () => milliseconds(() => decodeOurs(path, frames))],
    ['plain', () => milliseconds(() => decodePlain(path, frames, studio.ffmpeg))],
  ]);
  const times = await takeTurns(steps, { runs: RUNS, warmUp: 1 });
  const plain = { name: `one pass of ${studio.name}`, median: medianOf(times.get('plain')!) };
  const figure = `${frames.length} of ${facts.frameCount} frames, keyframes each ${clip.group}`;
  return rowOf(figure, 'ms', times.get('ours')!, plain);
}

/** As many frames of a long clip and of a short one, each in a process of its own. */
async function benchMemory(studio: Studio): Promise<Row> {
  const step = async (clip: Clip) => {
    const path = await clipFile(clip, studio);
    return () => peakMemory(path, short.wanted);
  };
  const steps = new Map([
    ['long', await step(longGroups)],
    ['short', await step(short)],
  ]);
  const sizes = await takeTurns(steps, { runs: RUNS, warmUp: 0 });
  const peer = { name: `of ${short.seconds} s`, median: medianOf(sizes.get('short')!) };
  const figure = `most memory, ${short.wanted} frames tiled of a clip of ${longSeconds} s`;
  return rowOf(figure, 'MiB', sizes.get('long')!, peer);
}

async function peakMemory(path: string, frames: number): Promise<number> {
  const file = fileURLToPath(new URL('video-memory.ts', import.meta.url));
  const child = fork(file, [path, String(frames)]);
  const [mebibytes] = await once(child, 'message');
  await once(child, 'exit');
  return mebibytes;
}

function nameOf(ffmpeg: string): string {
  const { stdout } = spawnSync(ffmpeg, ['-version'], { encoding: 'utf8' });
  return /^ffmpeg version (\d[\d.]*)/.exec(stdout)?.[0].replace(' version', '') ?? 'ffmpeg';
}

/** The clip, made where it is not there from another time. */
async function clipFile(clip: Clip, { folder, ffmpeg }: Studio): Promise<string> {
  const path = join(folder, `clip-${clip.seconds}-${clip.group}.mp4`);
  if (existsSync(path)) return path;
  const unfinished = join(folder, 'unfinished.mp4');
  await makeClip(clip, unfinished, ffmpeg);
  await rename(unfinished, path);
  return path;
}

/** Noise over a moving test picture: with nothing to decode but copies, leaping would win nothing. */
async function makeClip({ seconds, group }: Clip, path: string, ffmpeg: string): Promise<void> {
  const picture = `testsrc2=size=1920x1080:rate=${framesPerSecond}:duration=${seconds},noise=alls=8:allf=t`;
  const groups = ['-g', String(group), '-keyint_min', String(group), '-sc_threshold', '0'];
  const encoding = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', ...groups];
  const args = ['-v', 'error', '-y', '-f', 'lavfi', '-i', picture, ...encoding, path];
  const [code] = await once(spawn(ffmpeg, args, { stdio: 'inherit' }), 'close');
  if (code !== 0) throw new Error(`making a clip: ${ffmpeg} ended with exit code ${code}`);
}

/** From the file to the last frame, the index included. */
async function decodeOurs(path: string, frames: readonly number[]): Promise<void> {
  let decoded = 0;
  const options = { reuseMemory: true };
  for await (const _ of decodeFrames(await openVideo(path), frames, options)) decoded++;
  checkCount(decoded, frames.length);
}

async function decodePlain(path: string, frames: readonly number[], ffmpeg: string): Promise<void> {
  const select = `select='${frames.map((frame) => `eq(n,${frame})`).join('+')}'`;
  const output = ['-vsync', 'passthrough', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-'];
  const count = ['-frames:v', String(frames.length)];
  const args = ['-v', 'error', '-nostdin', '-i', path, '-vf', select, ...count, ...output];
  const child = spawn(ffmpeg, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let bytes = 0;
  for await (const chunk of child.stdout) bytes += chunk.length;
  checkCount(bytes / (1920 * 1080 * 3), frames.length);
}

function checkCount(decoded: number, wanted: number): void {
  if (decoded !== wanted) throw new Error(`decoding ${wanted} frames: ${decoded} came`);
}

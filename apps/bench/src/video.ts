/**
 * Wanted frames of generated 1080p clips, beside one plain pass of ffmpeg over the same clip:
 *
 *     npm run bench -- video
 *
 * LINGBI_BENCH_SECONDS is the length of the long clips: 40 by default, with as many frames wanted as
 * lie 140 apart. At 300 they are the 64 frames that a chat takes of five minutes.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeFrames, findFfmpeg, openVideo, sampleFrames } from '@lingbi/video';
import { type Bench, medianOf, milliseconds, type Row, rowOf, takeTurns } from './bench.ts';

const RUNS = 3;
const longSeconds = Number(process.env['LINGBI_BENCH_SECONDS'] ?? 40);
const framesPerSecond = 30;
/** Frames between two that are wanted: 64 of the 9,000 of five minutes. */
const spacing = 140;

/** A generated clip, and how many frames of it are wanted. */
interface Clip {
  readonly name: string;
  readonly seconds: number;
  /** Frames from keyframe to keyframe. */
  readonly group: number;
  readonly wanted: number;
}

const longFrames = Math.floor((longSeconds * framesPerSecond) / spacing);
const clips: readonly Clip[] = [
  { name: 'groups of 250', seconds: longSeconds, group: 250, wanted: longFrames },
  { name: 'groups of 60', seconds: longSeconds, group: 60, wanted: longFrames },
  { name: 'a short clip', seconds: 5, group: 250, wanted: 16 },
];

export const videoBench: Bench = {
  describe: `Frames of 1080p h264 clips of ${longSeconds} and 5 seconds, beside one pass of ffmpeg`,
  run: benchVideo,
};

async function benchVideo(): Promise<Row[]> {
  const { path: ffmpeg } = await findFfmpeg();
  const folder = await mkdtemp(join(tmpdir(), 'lingbi-bench-'));
  try {
    const rows: Row[] = [];
    for (const clip of clips) rows.push(await benchClip(clip, join(folder, 'clip.mp4'), ffmpeg));
    return rows;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function benchClip(clip: Clip, path: string, ffmpeg: string): Promise<Row> {
  await makeClip(clip, path, ffmpeg);
  const { facts } = await openVideo(path);
  const frames = sampleFrames(facts, { kind: 'count', count: clip.wanted });
  const steps = new Map([
    ['ours', () => milliseconds(() => decodeOurs(path, frames))],
    ['plain', () => milliseconds(() => decodePlain(path, frames, ffmpeg))],
  ]);
  const times = await takeTurns(steps, { runs: RUNS, warmUp: 1 });
  const plain = { name: 'one pass of ffmpeg', median: medianOf(times.get('plain')!) };
  const figure = `${frames.length} of ${facts.frameCount} frames, ${clip.name}`;
  return rowOf(figure, 'ms', times.get('ours')!, plain);
}

/** Noise over a moving test picture: with nothing to decode but copies, leaping would win nothing. */
async function makeClip(clip: Clip, path: string, ffmpeg: string): Promise<void> {
  const picture = `testsrc2=size=1920x1080:rate=${framesPerSecond}:duration=${clip.seconds},noise=alls=8:allf=t`;
  const groups = [
    '-g',
    String(clip.group),
    '-keyint_min',
    String(clip.group),
    '-sc_threshold',
    '0',
  ];
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

// For tests and benches only: clips whose frames tell their own number.
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { Picture, Size } from '@lingbi/vision';

/** The ffmpeg of this machine, if there is one; tests that need it are skipped without. */
export const systemFfmpeg: string | undefined = runs('ffmpeg', ['-version']) ? 'ffmpeg' : undefined;

function runs(program: string, args: readonly string[]): boolean {
  const { status }: SpawnSyncReturns<Buffer> = spawnSync(program, args, { stdio: 'ignore' });
  return status === 0;
}

/** What a clip is like. */
export interface NumberedClip extends Size {
  readonly frames: number;
  readonly framesPerSecond: number;
  /** What ffmpeg is told between its input and the name of the file. */
  readonly encoding: readonly string[];
}

/** Bits of the number, each a block in the upper row: white for 1. */
const bits = 16;

/** Encodes a clip whose frames move, and have their number painted in. */
export async function makeNumberedClip(path: string, clip: NumberedClip): Promise<void> {
  const { width, height, frames, framesPerSecond, encoding } = clip;
  const raw = ['-f', 'rawvideo', '-pix_fmt', 'gray', '-s', `${width}x${height}`];
  const input = [...raw, '-r', String(framesPerSecond), '-i', 'pipe:0'];
  const args = ['-v', 'error', '-y', ...input, ...encoding, path];
  const ffmpeg = spawn('ffmpeg', args, { stdio: ['pipe', 'inherit', 'inherit'] });
  for (let frame = 0; frame < frames; frame++) {
    if (!ffmpeg.stdin.write(paintFrame(frame, clip))) await once(ffmpeg.stdin, 'drain');
  }
  ffmpeg.stdin.end();
  const [code] = await once(ffmpeg, 'close');
  if (code !== 0) throw new Error(`making ${path}: ffmpeg ended with exit code ${code}`);
}

function paintFrame(frame: number, { width, height }: Size): Uint8Array {
  const grey = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      grey[y * width + x] = 64 + (((x + frame * 2) ^ (y + frame)) & 127);
    }
  }
  const side = Math.floor(width / bits);
  for (let bit = 0; bit < bits; bit++) {
    const value = (frame >> bit) & 1 ? 235 : 16;
    for (let y = 0; y < side; y++)
      grey.fill(value, y * width + bit * side, y * width + (bit + 1) * side);
  }
  return grey;
}

/** The number that is painted into a decoded frame. */
export function numberIn({ width, data }: Picture): number {
  const side = Math.floor(width / bits);
  const row = Math.floor(side / 2);
  let number = 0;
  for (let bit = 0; bit < bits; bit++) {
    const x = Math.floor((bit + 0.5) * side);
    if (data[(row * width + x) * 3]! > 127) number |= 1 << bit;
  }
  return number;
}

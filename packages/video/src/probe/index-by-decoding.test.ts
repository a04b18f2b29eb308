import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  DamagedVideoError,
  FfmpegMissingError,
  NoFramesError,
  VideoLimitError,
} from '../errors.ts';
import { systemFfmpeg } from '../numbered-clip.ts';
import type { VideoSource } from '../source/video-source.ts';
import { type OpenVideoOptions, openVideo } from '../video.ts';

const garbage = Buffer.from('RIFF\x10\x20\x30\x40AVI once upon a time there was a video');
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lingbi-test-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe.skipIf(!systemFfmpeg)('a video that only ffmpeg reads', () => {
  test('is as long as what comes out when it is decoded', async () => {
    const { facts } = await openVideo(await clip('a.avi', ['-c:v', 'mpeg4', '-aspect', '8:3']));
    expect(facts).toMatchObject({
      container: 'avi',
      width: 64,
      height: 48,
      pixelAspectRatio: 2,
      frameCount: 50,
      framesPerSecond: 25,
      duration: 2,
      keyframes: [0],
    });
  });

  test('keeps its uneven times', async () => {
    const uneven = ['-vf', 'setpts=PTS*(1+floor(mod(N\\,5)/4))', '-vsync', 'vfr'];
    const path = await clip('uneven.wmv', [...uneven, '-c:v', 'wmv2']);
    const { timestamps } = (await openVideo(path)).facts;
    const steps = [...timestamps.slice(1)].map((time, i) =>
      Math.round((time - timestamps[i]!) * 25),
    );
    expect(new Set(steps).size).toBeGreaterThan(1);
  });

  test('may be a single picture, which lasts for no time', async () => {
    const { facts } = await openVideo(await clip('still.gif', ['-frames:v', '1']));
    expect(facts).toMatchObject({ frameCount: 1, framesPerSecond: 1, duration: 0 });
  });

  test('that breaks off has the frames before that', async () => {
    const bytes = await readFile(await clip('broken.avi', ['-c:v', 'mpeg4', '-g', '5']));
    const { facts } = await openVideo(bytes.subarray(0, Math.floor(bytes.length * 0.6)));
    expect(facts.frameCount).toBeGreaterThan(5);
    expect(facts.frameCount).toBeLessThan(50);
  });

  test('and is not what it begins like is an error of its own', async () => {
    expect(await failureOf(garbage)).toBeInstanceOf(NoFramesError);
    const stream = Buffer.from('\0\0\0\x01\x67 once upon a time');
    expect(await failureOf(stream)).toBeInstanceOf(DamagedVideoError);
  });

  test('and has sound alone has no frames', async () => {
    const sound = join(folder, 'sound.avi');
    run(['-f', 'lavfi', '-i', 'sine=duration=1', '-c:a', 'pcm_s16le', sound]);
    expect(await failureOf(sound)).toBeInstanceOf(NoFramesError);
  });

  test.each([
    ['frames', { frames: 20 }],
    ['duration', { duration: 1 }],
    ['side', { side: 63 }],
  ])('is held to the limit of %s', async (limit, limits) => {
    const error = await failureOf(await clip('b.avi', ['-c:v', 'mpeg4']), { limits });
    expect(error).toBeInstanceOf(VideoLimitError);
    expect(error).toMatchObject({ limit });
  });
});

test('without ffmpeg it is an error that says how to have one', async () => {
  const error = await failureOf(garbage, { ffmpeg: '/nowhere/ffmpeg' });
  expect(error).toBeInstanceOf(FfmpegMissingError);
});

async function clip(name: string, encoding: readonly string[]): Promise<string> {
  const path = join(folder, name);
  run(['-f', 'lavfi', '-i', 'testsrc2=size=64x48:rate=25:duration=2', ...encoding, path]);
  return path;
}

function run(args: readonly string[]): void {
  const { stderr, status } = spawnSync('ffmpeg', ['-v', 'error', '-y', ...args]);
  if (status !== 0) throw new Error(`ffmpeg ${args.join(' ')}: ${stderr}`);
}

async function failureOf(source: VideoSource, options: OpenVideoOptions = {}): Promise<unknown> {
  try {
    await openVideo(source, options);
    return undefined;
  } catch (error) {
    return error;
  }
}

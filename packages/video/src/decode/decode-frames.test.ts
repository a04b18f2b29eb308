import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { DamagedVideoError, VideoLimitError } from '../errors.ts';
import { loadTiledVideo } from '../load-tiled-video.ts';
import { makeNumberedClip, type NumberedClip, numberIn, systemFfmpeg } from '../numbered-clip.ts';
import { planVideo } from '../plan-video.ts';
import { sampleFrames } from '../sample/sample-frames.ts';
import { fixturePath } from '../test-support.ts';
import { openVideo, type Video } from '../video.ts';
import { type DecodeOptions, decodeFrames, type VideoFrame } from './decode-frames.ts';
import { planRuns } from './plan-runs.ts';

if (!systemFfmpeg) console.warn('There is no ffmpeg in PATH: tests that decode video are skipped.');

const path = fixturePath('video/numbered.mp4');
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lingbi-test-'));
  vi.stubEnv('TMPDIR', folder); // where other tests leave nothing
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const small = { width: 128, height: 72, frames: 120, framesPerSecond: 30 };
const h264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'];

const clips: Record<string, NumberedClip> = {
  'h264-open-groups.mkv': {
    ...small,
    encoding: [
      '-c:v',
      'libx264',
      '-preset',
      'fast',
      '-bf',
      '3',
      '-x264-params',
      'keyint=25:open-gop=1',
    ],
  },
  'h264-long-group.mp4': { ...small, frames: 260, encoding: [...h264, '-g', '250'] },
  'uneven-rate.mp4': {
    ...small,
    encoding: ['-vf', 'setpts=PTS*(1+floor(mod(N\\,7)/6))', '-vsync', 'vfr', ...h264, '-g', '20'],
  },
  'stream.ts': { ...small, encoding: [...h264, '-g', '25'] },
  'bare.h264': { ...small, encoding: [...h264, '-bf', '2', '-g', '25'] },
  'bare.hevc': {
    ...small,
    frames: 60,
    encoding: ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=none'],
  },
  'out-of-order.avi': {
    ...small,
    encoding: ['-c:v', 'mpeg4', '-bf', '2', '-vtag', 'XVID', '-strict', '-2'],
  },
  'windows.wmv': { ...small, encoding: ['-c:v', 'wmv2'] },
  'flash.flv': { ...small, encoding: ['-c:v', 'flv'] },
  'program.mpg': { ...small, encoding: ['-c:v', 'mpeg2video', '-bf', '2'] },
  'mpeg2.ts': { ...small, encoding: ['-c:v', 'mpeg2video', '-bf', '2'] },
  'vp9.webm': {
    ...small,
    frames: 60,
    encoding: ['-c:v', 'libvpx-vp9', '-g', '20', '-deadline', 'realtime', '-cpu-used', '8'],
  },
  'av1.mp4': {
    ...small,
    frames: 60,
    encoding: ['-c:v', 'libaom-av1', '-g', '20', '-cpu-used', '8', '-usage', 'realtime'],
  },
};

describe.skipIf(!systemFfmpeg)('frames are those of a plain run of ffmpeg', () => {
  test.each(Object.entries(clips))('%s', async (name, clip) => {
    if (!hasEncoder(clip)) return console.warn(`This ffmpeg cannot encode ${name}: skipped.`);
    const file = join(folder, name);
    await makeNumberedClip(file, clip);
    const video = await openVideo(file);
    const plain = plainHashes(file);
    expect(video.facts.frameCount).toBe(plain.length);
    const wanted = sampleFrames(video.facts, { kind: 'count', count: 5 });
    for (const strategy of ['one-pass', 'leaps'] as const) {
      const decoded = await decodedHashes(video, wanted, { strategy });
      expect(decoded).toEqual(wanted.map((frame) => [frame, plain[frame]]));
    }
  });

  test('sound between the frames of one ffmpeg that leaps cuts nothing off', async () => {
    const file = join(folder, "with sound, and an apostrophe's name.mp4");
    const sound = ['-f', 'lavfi', '-i', 'sine=duration=12', '-c:a', 'aac', '-shortest'];
    run(['-i', path, ...sound, '-c:v', 'copy', '-movflags', '+faststart', file]);
    const video = await openVideo(file);
    const wanted = sampleFrames(video.facts, { kind: 'count', count: 30 });
    const plain = plainHashes(file);
    for (const workers of [1, 3]) {
      const decoded = await decodedHashes(video, wanted, { strategy: 'leaps', workers });
      expect(decoded).toEqual(wanted.map((frame) => [frame, plain[frame]]));
    }
  });

  test('the numbers that are painted in are those that were asked for', async () => {
    const video = await openVideo(path);
    const wanted = [0, 47, 48, 49, 150, 287];
    for (const strategy of ['one-pass', 'leaps', 'cheapest'] as const) {
      const numbers: number[] = [];
      for await (const { picture } of decodeFrames(video, wanted, { strategy })) {
        numbers.push(numberIn(picture));
      }
      expect(numbers).toEqual(wanted);
    }
  });

  test('frames before a cut, which are not shown, do not count', async () => {
    const cut = join(folder, 'cut.mp4');
    run(['-ss', '1.31', '-i', path, '-c', 'copy', cut]);
    const video = await openVideo(cut);
    expect(video.facts.frameCount).toBe(plainHashes(cut).length);
    const first = (await decodeFrames(video, [0]).next()).value as VideoFrame;
    expect(numberIn(first.picture)).toBe(32); // 1.31 s at 24 frames a second
  });

  test('a turned video has the size of its turned frames', async () => {
    const file = join(folder, 'turned.mp4');
    await writeFile(file, turned(await readFile(path)));
    const video = await openVideo(file);
    expect(video.facts).toMatchObject({ rotation: 90, width: 72, height: 128 });
    const plain = plainHashes(file);
    expect(await decodedHashes(video, [0, 200])).toEqual([
      [0, plain[0]],
      [200, plain[200]],
    ]);
    expect(planVideo(video.facts, 1).composite.direction).toBe('across');
  });
});

describe.skipIf(!systemFfmpeg)('decoding', () => {
  test('yields frames in order and once, whatever the order they are asked for', async () => {
    const video = await openVideo(path);
    const frames: number[] = [];
    for await (const { frame, seconds } of decodeFrames(video, [200, 3, 3, 7])) {
      frames.push(frame);
      expect(seconds).toBeCloseTo(frame / 24);
    }
    expect(frames).toEqual([3, 7, 200]);
  });

  test.skipIf(process.platform === 'win32')('starts as few processes as it can', async () => {
    const starts = async (name: string): Promise<number> => {
      const log = join(folder, 'starts');
      const ffmpeg = join(folder, 'counted-ffmpeg');
      await writeFile(log, '');
      await writeFile(ffmpeg, `#!/bin/sh\necho >> ${log}\nexec ffmpeg "$@"\n`);
      await chmod(ffmpeg, 0o755);
      const video = await openVideo(name);
      const wanted = video.facts.keyframes.map((key) => key + 1);
      await decodedHashes(video, wanted, { strategy: 'leaps', workers: 2, ffmpeg });
      return (await readFile(log, 'utf8')).length;
    };
    expect(await starts(path)).toBe(3); // one that tells its clock, and one for each worker
    // Whose groups look back across their keyframes: leaps in one process would mix them up.
    const open = join(folder, 'h264-open-groups.mkv');
    await makeNumberedClip(open, clips['h264-open-groups.mkv']!);
    expect(await starts(open)).toBe(1 + 5);
  });

  test('passes on very many frames', async () => {
    const video = await openVideo(path);
    const odd = sampleFrames(video.facts, { kind: 'all', most: 288 }).filter((frame) => frame % 4);
    const decoded = await decodedHashes(video, odd);
    expect(decoded.map(([frame]) => frame)).toEqual(odd);
  });

  test('of a video in memory leaves no file behind', async () => {
    const video = await openVideo(await readFile(path));
    for (const strategy of ['one-pass', 'leaps'] as const) {
      for await (const { picture } of decodeFrames(video, [100, 200], { strategy })) {
        expect(numberIn(picture)).toBe(100);
        break; // whoever stops early leaves nothing either
      }
      expect(await temporaryFolders()).toEqual([]);
    }
  });

  test('leaves a frame alone until the next is asked for, where memory is used again', async () => {
    const video = await openVideo(path);
    const wanted = sampleFrames(video.facts, { kind: 'all', most: 40 });
    const numbers: number[] = [];
    for await (const { picture } of decodeFrames(video, wanted, { reuseMemory: true })) {
      numbers.push(numberIn(picture));
      await new Promise((later) => setTimeout(later, 1)); // what is read ahead must not touch it
      expect(numberIn(picture)).toBe(numbers.at(-1));
    }
    expect(numbers).toEqual(wanted);
  });

  test('ends with the signal', async () => {
    const video = await openVideo(path);
    const controller = new AbortController();
    const reason = new Error('enough');
    const decoding = async (): Promise<void> => {
      for await (const _ of decodeFrames(video, [1, 100], { signal: controller.signal })) {
        controller.abort(reason);
      }
    };
    await expect(decoding()).rejects.toBe(reason);
  });

  test('a truncated file is an error that names the first missing frame', async () => {
    const bytes = await readFile(path);
    const video = await openVideo(bytes.subarray(0, Math.floor(bytes.length * 0.6)));
    const error = await failureOf(video, [0, 280]);
    expect(error).toBeInstanceOf(DamagedVideoError);
    expect(error).toMatchObject({ missing: [280] });
  });

  test('a truncated file gives what there is when asked to', async () => {
    const bytes = await readFile(path);
    const part = bytes.subarray(0, Math.floor(bytes.length * 0.6));
    const tiled = await loadTiledVideo(part, { damaged: 'skip' });
    expect(tiled.frames.length).toBeGreaterThan(3);
    expect(tiled.frames.length).toBeLessThan(12);
    expect(tiled.warnings.at(-1)).toMatch(/is damaged: frames .*264 are left out/);
  });

  test('frames larger than the file says are refused by their own header', async () => {
    const video = await openVideo(path);
    const limited = { ...video, limits: { ...video.limits, side: 100 } };
    expect(await failureOf(limited, [0])).toBeInstanceOf(VideoLimitError);
  });

  test('the whole way to tiles', async () => {
    const progress: number[] = [];
    const tiled = await loadTiledVideo(path, {
      onProgress: ({ decoded, wanted }) => progress.push(decoded / wanted),
    });
    expect(tiled.frames.map(({ frame }) => frame)).toEqual([
      0, 24, 48, 72, 96, 120, 144, 168, 192, 216, 240, 264,
    ]);
    expect(tiled.grid).toEqual({ rows: 8, columns: 1 });
    expect(tiled.plan.tokens).toBe(3781);
    expect(progress).toHaveLength(12);
    expect(progress.at(-1)).toBe(1);
    expect(tiled.warnings).toEqual([]);
  });
});

test.each([
  [[288], {}, 'decoding frame 288'],
  [[-1], {}, 'it has frames 0 to 287'],
  [[0], { workers: 0 }, 'decoding with 0 workers'],
])('frames that are not there are an error: %j', async (frames, options, problem) => {
  const video = await openVideo(path);
  expect(String(await failureOf(video, frames, options))).toContain(problem);
});

describe('runs', () => {
  test('leap over what is not wanted where frames are large enough to be worth it', async () => {
    const { facts } = await openVideo(path);
    const large = { ...facts, width: 3840, height: 2160 };
    expect(planRuns(large, [0, 100, 250])).toEqual([
      { seekTo: undefined, frames: [0] },
      { seekTo: 96, frames: [100] },
      { seekTo: 240, frames: [250] },
    ]);
    expect(planRuns(facts, [0, 100, 250])).toEqual([{ seekTo: undefined, frames: [0, 100, 250] }]);
    expect(planRuns(large, [95, 96, 97])).toEqual([{ seekTo: 48, frames: [95, 96, 97] }]);
  });

  test('leap sooner where one ffmpeg goes on elsewhere', async () => {
    const { facts } = await openVideo(path);
    const large = { ...facts, width: 1920, height: 1080 };
    const onePass = [{ seekTo: undefined, frames: [0, 60] }];
    expect(planRuns(large, [0, 60])).toEqual(onePass);
    const leap = { seekTo: 48, frames: [60] };
    const joined = planRuns(large, [0, 60], 'cheapest', { framesMore: 0 });
    expect(joined).toEqual([{ seekTo: undefined, frames: [0] }, leap]);
    expect(planRuns(large, [0, 60], 'cheapest', { framesMore: 50 })).toEqual(onePass);
  });

  test('go by no index that cannot be trusted', async () => {
    const { facts } = await openVideo(path);
    const onePass = [{ seekTo: undefined, frames: [100] }];
    expect(planRuns({ ...facts, container: 'mpegts' }, [100], 'leaps')).toEqual(onePass);
    const timestamps = facts.timestamps.map((time) => Math.floor(time));
    expect(planRuns({ ...facts, timestamps }, [100], 'leaps')).toEqual(onePass);
  });
});

async function decodedHashes(
  video: Video,
  frames: readonly number[],
  options: DecodeOptions = {},
): Promise<[number, string][]> {
  const hashes: [number, string][] = [];
  for await (const { frame, picture } of decodeFrames(video, frames, options)) {
    hashes.push([frame, createHash('md5').update(picture.data).digest('hex')]);
  }
  return hashes;
}

/** What ffmpeg makes of every frame, without this package. */
function plainHashes(file: string): string[] {
  const every = ['-vsync', 'passthrough', '-pix_fmt', 'rgb24', '-f', 'framemd5', '-'];
  const lines = run(['-i', file, '-map', '0:V:0', ...every]).split('\n');
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(',').at(-1)!.trim());
}

function run(args: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync('ffmpeg', ['-v', 'error', '-y', ...args]);
  if (status !== 0) throw new Error(`ffmpeg ${args.join(' ')}: ${stderr}`);
  return stdout.toString();
}

function hasEncoder({ encoding }: NumberedClip): boolean {
  const encoder = encoding[encoding.indexOf('-c:v') + 1]!;
  const { stdout } = spawnSync('ffmpeg', ['-v', 'error', '-encoders']);
  return stdout.toString().includes(` ${encoder} `);
}

async function failureOf(
  video: Video,
  frames: readonly number[],
  options: DecodeOptions = {},
): Promise<unknown> {
  try {
    for await (const _ of decodeFrames(video, frames, options));
    return undefined;
  } catch (error) {
    return error;
  }
}

async function temporaryFolders(): Promise<string[]> {
  return (await readdir(tmpdir())).filter((name) => name.startsWith('lingbi-video-'));
}

/** The video with a track header that turns it clockwise. */
function turned(file: Buffer): Buffer {
  const copy = Buffer.from(file);
  const matrix = copy.indexOf('tkhd') + 4 + 40;
  const one = 0x1_0000;
  [0, one, 0, -one, 0, 0].forEach((value, i) => {
    copy.writeInt32BE(value, matrix + i * 4);
  });
  return copy;
}

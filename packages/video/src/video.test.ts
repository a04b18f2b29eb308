import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  DamagedVideoError,
  NoFramesError,
  NotAVideoError,
  VideoAddressRefusedError,
  VideoError,
  VideoLimitError,
  VideoNotReadableError,
} from './errors.ts';
import type { VideoSource } from './source/video-source.ts';
import { fixturePath } from './test-support.ts';
import { openVideo } from './video.ts';

const path = fixturePath('video/numbered.mp4');
const bytes = readFileSync(path);
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lingbi-test-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('opening a video', () => {
  test('reads its index without decoding', async () => {
    const { facts, name } = await openVideo(path);
    expect(name).toBe(path);
    expect(facts).toMatchObject({
      container: 'mov',
      codec: 'avc',
      width: 128,
      height: 72,
      rotation: 0,
      pixelAspectRatio: 1,
      frameCount: 288,
      framesPerSecond: 24,
      duration: 12,
      keyframes: [0, 48, 96, 144, 192, 240],
    });
    expect([...facts.timestamps.slice(0, 4)].map((time) => time * 24)).toEqual([0, 1, 2, 3]);
  });

  test.each<[string, VideoSource]>([
    ['a file address', pathToFileURL(path)],
    ['the text of a file address', pathToFileURL(path).href],
    ['a data URI', `data:video/mp4;base64,${bytes.toString('base64')}`],
    ['a Buffer', bytes],
    ['an ArrayBuffer', new Uint8Array(bytes).buffer],
    ['a Blob', new Blob([bytes])],
  ])('takes %s', async (_, source) => {
    expect((await openVideo(source)).facts.frameCount).toBe(288);
  });

  test('finds frames that a header at the end lists', async () => {
    const late = join(folder, 'late.mp4');
    await writeFile(late, headerLast(bytes));
    expect((await openVideo(late)).facts.frameCount).toBe(288);
  });
});

describe('what is no video ends in an error of its own', () => {
  test.each<[string, VideoSource, new (...facts: never[]) => VideoError, string]>([
    ['a missing file', '/nowhere/a.mp4', VideoNotReadableError, 'there is no such file'],
    ['a folder', tmpdir(), VideoNotReadableError, 'it is not a file'],
    ['an address of another kind', 'ftp://a.test/b', VideoNotReadableError, 'addresses of ftp:'],
    ['nothing', new Uint8Array(0), NotAVideoError, 'it is empty'],
    [
      'a text',
      new TextEncoder().encode('once upon a time'),
      NotAVideoError,
      'no container that is read',
    ],
    ['a playlist', new TextEncoder().encode('#EXTM3U\n/etc/passwd\n'), NotAVideoError, 'ffmpeg -i'],
    [
      'the web',
      'https://a.test/b.mp4?key=secret',
      VideoAddressRefusedError,
      "web: { allow: ['a.test'] }",
    ],
    ['a cut header', bytes.subarray(0, 2000), DamagedVideoError, 'its index should end at byte'],
    ['a file that was never finished', bytes.subarray(0, 36), DamagedVideoError, 'it has no index'],
  ])('%s', async (_, source, kind, problem) => {
    const error = await failureOf(source);
    expect(error).toBeInstanceOf(kind);
    expect(String(error)).toContain(problem);
    expect(String(error)).not.toContain('secret');
  });

  test('sound alone', async () => {
    expect(await failureOf(patched(bytes, 'vide', 'soun'))).toBeInstanceOf(NoFramesError);
  });

  test('something else altogether', async () => {
    await expect(openVideo(7 as unknown as string)).rejects.toThrow(TypeError);
  });
});

describe('limits hold before memory is taken', () => {
  test.each([
    ['frames', { frames: 100 }, 'it takes at least 288 frames, and 100 are allowed'],
    ['duration', { duration: 11 }, '12 seconds of playing time, and 11 are allowed'],
    ['pixels', { pixels: 9000 }, '9216 pixels a frame, and 9000 are allowed'],
    ['side', { side: 100 }, '128 pixels on the longer side'],
    ['bytes', { bytes: 1000 }, 'raise limits.bytes'],
  ])('%s', async (limit, limits, problem) => {
    const error = await failureOf(bytes, limits);
    expect(error).toBeInstanceOf(VideoLimitError);
    expect(error).toMatchObject({ limit });
    expect(String(error)).toContain(problem);
  });

  test('four thousand million frames, claimed in eight bytes', async () => {
    for (const table of ['stts', 'ctts']) {
      const error = await failureOf(withTable(bytes, table, [0xffff_ffff, 1]));
      expect(error).toMatchObject({ limit: 'frames', allowed: 1_500_000 });
    }
  });

  test('a frame that claims to last for days', async () => {
    const error = await failureOf(withTable(bytes, 'stts', [288, 0x7fff_ffff]));
    expect(error).toMatchObject({ limit: 'duration' });
  });

  test('a limit that is none is an error at once', async () => {
    await expect(openVideo(path, { limits: { frames: 0 } })).rejects.toThrow(
      'reading a video with limits.frames of 0: it must be above 0',
    );
  });

  test('the signal ends it', async () => {
    const reason = new Error('enough');
    const opening = openVideo(path, { signal: AbortSignal.abort(reason) });
    await expect(opening).rejects.toBe(reason);
  });
});

test('broken bytes anywhere end in a typed error or in an index', async () => {
  let state = 7;
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const header = headerLength(bytes);
  for (let round = 0; round < 150; round++) {
    const broken = new Uint8Array(bytes);
    for (let times = 1 + random(4); times > 0; times--) broken[random(header)] = random(256);
    const error = await failureOf(broken, { seconds: 20 });
    if (error !== undefined) expect(error).toBeInstanceOf(VideoError);
  }
});

async function failureOf(source: VideoSource, limits = {}): Promise<unknown> {
  try {
    await openVideo(source, { limits });
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Length of everything before the frames' data. */
function headerLength(file: Buffer): number {
  return file.indexOf('mdat') - 4;
}

/** The same video with its `moov` behind the frames, whose places are corrected. */
function headerLast(file: Buffer): Buffer {
  const moov = file.indexOf('moov') - 4;
  const length = file.readUInt32BE(moov);
  const header = Buffer.from(file.subarray(moov, moov + length));
  const chunks = header.indexOf('stco') + 4;
  for (let entry = 0; entry < header.readUInt32BE(chunks + 4); entry++) {
    const at = chunks + 8 + entry * 4;
    header.writeUInt32BE(header.readUInt32BE(at) - length, at);
  }
  return Buffer.concat([file.subarray(0, moov), file.subarray(moov + length), header]);
}

/** Replaces four letters. */
function patched(file: Buffer, from: string, to: string): Buffer {
  const copy = Buffer.from(file);
  copy.write(to, copy.indexOf(from), 'latin1');
  return copy;
}

/** The video with another first entry in a table of counts and values. */
function withTable(file: Buffer, table: string, entry: readonly [number, number]): Buffer {
  const copy = Buffer.from(file);
  const at = copy.indexOf(table) + 12;
  copy.writeUInt32BE(entry[0], at);
  copy.writeUInt32BE(entry[1], at + 4);
  return copy;
}

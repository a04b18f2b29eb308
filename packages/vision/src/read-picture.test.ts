import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { PictureSource, RawPixels } from './bytes/picture-source.ts';
import { PictureLimitError, PictureNotReadableError } from './errors.ts';
import { presets } from './layout/presets.ts';
import { loadTiledImage } from './load-tiled-image.ts';
import { type ReadOptions, readPicture } from './read-picture.ts';
import { fixturePath, noise } from './test-support.ts';

const path = fixturePath('pictures/decode/rgb.png');
const png = await readFile(path);
const picture = await readPicture(path);

describe('a picture is the same', () => {
  test.each<[string, PictureSource]>([
    ['as a path', path],
    ['as a file URL', pathToFileURL(path)],
    ['as the text of a file URL', pathToFileURL(path).href],
    ['as a data URI', `data:image/png;base64,${png.toString('base64')}`],
    ['as a data URI without a type', `data:;base64,${png.toString('base64url')}`],
    ['as a percent-encoded data URI', `data:image/png,${percentEncoded(png)}`],
    ['as a Buffer', png],
    [
      'as part of a larger buffer',
      new Uint8Array(Buffer.concat([png, png])).subarray(0, png.length),
    ],
    ['as an ArrayBuffer', Uint8Array.from(png).buffer],
    ['as a Blob', new Blob([Uint8Array.from(png)])],
    ['as pixels', { ...picture, channels: 3 }],
  ])('%s', async (_, source) => {
    const read = await readPicture(source);
    expect(read.width).toBe(picture.width);
    expect(Buffer.compare(read.data, picture.data)).toBe(0);
  });
});

test('pixels of one, two and four channels become RGB', async () => {
  const rgbOf = async (channels: RawPixels['channels'], ...data: number[]): Promise<number[]> => {
    const pixels = { width: 1, height: 1, channels, data: Uint8ClampedArray.from(data) };
    return [...(await readPicture(pixels)).data];
  };
  expect(await rgbOf(1, 7)).toEqual([7, 7, 7]);
  expect(await rgbOf(2, 7, 0)).toEqual([7, 7, 7]);
  expect(await rgbOf(4, 1, 2, 3, 0)).toEqual([1, 2, 3]);
});

describe('what cannot be read is told', () => {
  test.each<[PictureSource, string, string]>([
    ['/no/such/picture.jpg', 'ENOENT', 'reading /no/such/picture.jpg: there is no such file'],
    [tmpdir(), 'EISDIR', 'it is not a file'],
    ['a\0b.png', 'ERR_INVALID_ARG_VALUE', 'it cannot be opened'],
    ['ftp://example.com/a.png', 'ERR_ADDRESS', 'addresses of ftp: are not read'],
    ['http://[broken', 'ERR_ADDRESS', 'it is not a valid address'],
    ['data:image/png;base64', 'ERR_DATA_URI', 'it has no comma'],
    ['data:image/png;base64,a?b', 'ERR_DATA_URI', 'its data is not base64'],
    ['data:image/png;base64,%zz', 'ERR_DATA_URI', 'a broken % escape'],
    [pixels({ width: 1.5 }), 'ERR_PIXELS', '1.5 × 2 with 3 channels'],
    [pixels({ channels: 5 as 4 }), 'ERR_PIXELS', 'with 5 channels'],
    [pixels({ height: 3 }), 'ERR_PIXELS', 'should be 18 bytes, but it has 12'],
    [pixels({ data: [1, 2, 3] as never }), 'ERR_PIXELS', 'should be a Uint8Array'],
  ])('%j', async (source, code, problem) => {
    const error = await failureOf(source);
    expect(error).toBeInstanceOf(PictureNotReadableError);
    expect(error).toMatchObject({ code });
    expect(String(error)).toContain(problem);
  });

  test('at the door when it is no source at all', async () => {
    for (const wrong of [null, undefined, 7, {}, []]) {
      expect(await failureOf(wrong as never)).toBeInstanceOf(TypeError);
    }
  });
});

describe('a limit on bytes holds', () => {
  const limits = { bytes: 1000 };
  test.each<[string, PictureSource]>([
    ['a file', path],
    ['a buffer', png],
    ['a Blob', new Blob([Uint8Array.from(png)])],
    ['a data URI', `data:;base64,${png.toString('base64')}`],
    ['a percent-encoded data URI', `data:,${percentEncoded(png)}`],
    ['a data URI of plain text', `data:,${'a'.repeat(1500)}`],
  ])('for %s', async (_, source) => {
    const error = await failureOf(source, { limits });
    expect(error).toBeInstanceOf(PictureLimitError);
    expect(error).toMatchObject({ limit: 'bytes', allowed: 1000 });
  });

  test('and must be a limit; Infinity lifts it', async () => {
    const unlimited = { bytes: Infinity, pixels: Infinity, side: Infinity, seconds: Infinity };
    expect(await failureOf(path, { limits: { pixels: 0 } })).toBeInstanceOf(RangeError);
    expect(await failureOf(path, { limits: { seconds: Number.NaN } })).toBeInstanceOf(RangeError);
    expect(await failureOf(path, { limits: unlimited })).toBeUndefined();
  });

  test('and others are told by name', async () => {
    const big = pixels({ width: 70_000, height: 1 });
    expect(String(await failureOf(big))).toContain(
      'reading pixels of 70000 × 1: it takes at least 70000 pixels on its longer side, and 65535 are allowed. Use a smaller picture, or raise limits.side',
    );
  });
});

test('an aborted signal ends the reading with its own reason', async () => {
  const reason = new Error('no longer wanted');
  const signal = AbortSignal.abort(reason);
  expect(await failureOf(path, { signal })).toBe(reason);
  expect(await failureOf(pixels({}), { signal })).toBe(reason);
  expect(await loadTiledImage(path, { signal }).catch((error: unknown) => error)).toBe(reason);
});

test('a signal that aborts while the picture is decoded is heeded', async () => {
  const controller = new AbortController();
  const reading = readPicture(png, { signal: controller.signal });
  controller.abort(new Error('no longer wanted'));
  await expect(reading).rejects.toThrow('no longer wanted');
});

test('the name of a file says nothing about what is in it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lingbi-vision-'));
  try {
    const misnamed = join(folder, 'picture.txt');
    await writeFile(misnamed, png);
    expect(await readPicture(misnamed)).toMatchObject({ width: 61, height: 45 });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('loading reads and tiles in one go, as in a chat unless told otherwise', async () => {
  const tiled = await loadTiledImage(path);
  expect(tiled.plan).toMatchObject({ tokens: 841, tileSize: 560 });
  expect(tiled.grid).toEqual({ rows: 1, columns: 1 });
  expect((await loadTiledImage(png)).key).toBe(tiled.key);
  const square = await loadTiledImage(path, { preset: presets.square490 });
  expect(square.plan).toMatchObject({ tokens: 1225, tileSize: 490 });
});

function pixels(facts: Partial<RawPixels>): RawPixels {
  return { width: 2, height: 2, channels: 3, data: noise(12), ...facts };
}

function percentEncoded(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}

async function failureOf(source: PictureSource, options: ReadOptions = {}): Promise<unknown> {
  return readPicture(source, options).then(
    () => undefined,
    (error: unknown) => error,
  );
}

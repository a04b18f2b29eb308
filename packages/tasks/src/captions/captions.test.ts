import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NotAPictureError } from '@lingbi/vision';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runProgram } from '../files/testing.ts';
import { queryOf, scriptedWriter } from '../writer/testing.ts';
import { type CaptionImagesOptions, captionImages, type NamedPicture } from './caption-images.ts';
import type { CaptionLine } from './caption-log.ts';
import { imageCaptionSettings, videoCaptionSettings } from './caption-settings.ts';
import { recaptionPrompt } from './recaption-prompt.ts';
import { captionWriter } from './testing.ts';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lingbi-captions-'));
  file = join(folder, 'captions.jsonl');
});
afterEach(() => rm(folder, { recursive: true }));

async function run(
  writer: ReturnType<typeof scriptedWriter>,
  images: readonly NamedPicture[],
  options: Partial<CaptionImagesOptions> = {},
): Promise<CaptionLine[]> {
  const lines: CaptionLine[] = [];
  for await (const line of captionImages(writer, images, { file, ...options })) lines.push(line);
  return lines;
}

const images = ['a.png', 'b.png', 'c.png', 'd.png'];
const settings = { seed: 3 };

describe('captions of pictures', () => {
  test('are lines of a file, in the order of the pictures', async () => {
    const writer = captionWriter();
    const lines = await run(writer, ['a.png', { name: 'b', picture: new Uint8Array(2) }], {
      settings,
    });
    expect(lines.map(({ image, caption }) => [image, caption])).toEqual([
      ['a.png', 'a.png seen with 3'],
      ['b', 'bytes seen with 4'],
    ]);
    const text = await readFile(file, 'utf8');
    expect(
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(lines);
    expect(writer.requests.map(queryOf)[0]).toBe(
      'Analyze the image in a comprehensive and detailed manner.',
    );
    expect(writer.requests[0]!.settings).toEqual({ ...imageCaptionSettings, seed: 3 });
  });

  test('are searched by three beams under a penalty of 1.5', () => {
    expect(imageCaptionSettings).toMatchObject({
      limit: { newTokens: 500 },
      beams: 3,
      sampling: { temperature: 1, topP: 1, topK: 50 },
      repetitionPenalty: 1.5,
    });
  });

  test('go on after a picture that cannot be read, which has its error', async () => {
    const writer = scriptedWriter(({ images }) => {
      if (images![0] === 'b.png') throw new NotAPictureError('b.png', 'it is text');
      return 'seen';
    });
    const lines = await run(writer, images);
    expect(lines.map(({ caption, error }) => caption ?? error)).toEqual([
      'seen',
      expect.stringContaining('b.png'),
      'seen',
      'seen',
    ]);
  });

  test('stop at an error that concerns all, and keep what is done', async () => {
    const writer = scriptedWriter(['one']);
    await expect(run(writer, images)).rejects.toThrow('no answer to request 1');
    expect((await readFile(file, 'utf8')).split('\n')).toHaveLength(2);
  });
});

describe('captions that were interrupted', () => {
  const source = new URL('.', import.meta.url).href;

  test.each([0, 2])('by kill -9 at picture %i go on and end with the same bytes', async (kill) => {
    await run(captionWriter(), images, { settings });
    const whole = await readFile(file);
    const killed = join(folder, 'killed.jsonl');
    const program = `
      import { captionImages } from '${source}caption-images.ts';
      import { captionWriter } from '${source}testing.ts';
      const options = ${JSON.stringify({ file: killed, settings })};
      for await (const line of captionImages(captionWriter(${kill}), ${JSON.stringify(images)}, options));
    `;
    expect(await runProgram(program)).toBe('SIGKILL');
    await appendFile(killed, '{"image":"torn');
    const writer = captionWriter();
    expect(await run(writer, images, { file: killed, settings })).toHaveLength(4);
    expect(writer.requests).toHaveLength(4 - kill);
    expect((await readFile(killed)).equals(whole)).toBe(true);
  });

  test.each([
    ['other pictures', ['a.png', 'x.png'], {}, 'line 2 is of "b.png", not of "x.png"'],
    ['fewer pictures', ['a.png'], {}, 'line 2 is of "b.png", but there are no more pictures'],
    ['another prompt', images, { prompt: 'What?' }, 'line 1 was written with another prompt'],
    ['other settings', images, { settings: { seed: 4 } }, 'line 1 was written with another prompt'],
  ])('do not mix with %s', async (_, others, options, message) => {
    await run(captionWriter(), images.slice(0, 2), { settings });
    const before = await readFile(file);
    await expect(run(captionWriter(), others, { settings, ...options })).rejects.toThrow(message);
    expect(await readFile(file)).toEqual(before);
  });

  test('leave a file of something else as it is', async () => {
    await writeFile(file, 'Dear diary,\nhalf a li');
    await expect(run(captionWriter(), images)).rejects.toThrow('line 1 is no line of captions');
    expect(await readFile(file, 'utf8')).toBe('Dear diary,\nhalf a li');
  });
});

test('a brief prompt is made a detailed one', async () => {
  const writer = scriptedWriter([' A red cup.[UNUSED_TOKEN_145]x']);
  expect(await recaptionPrompt(writer, 'cup')).toBe('A red cup.');
  expect(writer.requests.map(queryOf)).toEqual([
    'Translate this brief generation prompt into a detailed caption: cup',
  ]);
  expect(writer.requests[0]!.settings).toEqual(videoCaptionSettings);
});

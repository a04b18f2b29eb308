import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { filesIn, runProgram } from '../../files/testing.ts';
import type { WriteRequest } from '../../writer/writer.ts';
import { compose } from './compose.ts';
import { pngOf, teaImages, teaWriter } from './testing.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lingbi-article-'));
});
afterEach(() => rm(folder, { recursive: true }));

const instruction = 'Write about tea';
const steps = (requests: readonly WriteRequest[]) =>
  requests.map(({ prompt }) => (prompt.format === 'chat' && prompt.answerStart) || 'article');

describe('an illustrated article', () => {
  test('is written, its pictures placed, titled, searched and chosen', async () => {
    const [writer, images] = [teaWriter(), teaImages()];
    const article = await compose(writer, { instruction, folder, images, seed: 5 });
    expect(steps(writer.requests)).toEqual([
      ...['article', '适合插入图像的行是', '标题是"', '标题是"', '最合适的图是', '最合适的图是'],
    ]);
    expect(article).toEqual({
      instruction,
      warnings: [],
      sections: [
        {
          text: 'Tea',
          picture: {
            caption: 'tea 7',
            selected: 1,
            candidates: ['a', 'b', 'c', 'd'].map((letter, i) => {
              return { id: String(i), file: `pictures/0-${letter}.png` };
            }),
          },
        },
        { text: 'is grown.' },
        expect.objectContaining({ text: 'Tea is drunk. 5' }),
      ],
    });
    expect(images.asked).toEqual([
      { caption: 'tea 7', exclude: [], count: 4 },
      { caption: 'tea 8', exclude: ['0', '1', '2', '3'], count: 4 },
    ]);
  });

  test('shows the model the pictures chosen so far and the candidates, in that order', async () => {
    const writer = teaWriter();
    await compose(writer, { instruction, folder, images: teaImages(), seed: 5 });
    const files = (names: string[]) => names.map((name) => join(folder, 'pictures', `${name}.png`));
    expect(writer.requests.at(-1)!.images).toEqual(files(['0-b', '1-a', '1-b', '1-c', '1-d']));
    expect(writer.requests.at(-1)!.adapter).toBe('write');
    // Five pictures of 18 tiles would not fit: 5 · 7,981 tokens.
    expect(writer.requests.at(-1)!.tiling).toMatchObject({ hdNum: 6, padding: 'centred' });
  });

  test('without pictures is text', async () => {
    const writer = teaWriter();
    const article = await compose(writer, { instruction, folder, pictures: 0, seed: 5 });
    expect(writer.requests).toHaveLength(1);
    expect(article.sections.map(({ text }) => text)).toEqual([
      'Tea',
      'is grown.',
      'Tea is drunk. 5',
    ]);
  });

  test('has as many pictures as were asked for', async () => {
    const options = { instruction, folder, images: teaImages(), pictures: 1, seed: 5 };
    const article = await compose(teaWriter(), options);
    expect(article.sections.map(({ picture }) => Boolean(picture))).toEqual([false, false, true]);
  });

  test('goes without the pictures that are not found, and says so', async () => {
    const images = { search: async () => [{ id: '1', data: new Uint8Array(9) }] };
    const article = await compose(teaWriter(), {
      ...{ instruction, folder, images, seed: 5 },
    });
    expect(article.sections.some(({ picture }) => picture)).toBe(false);
    expect(article.warnings).toEqual([
      'No picture was found for "tea 7"',
      'No picture was found for "tea 8"',
    ]);
  });

  test('takes uploads each once, and chooses only while there is a choice', async () => {
    const uploads = [pngOf('one'), pngOf('two')];
    const writer = teaWriter();
    const article = await compose(writer, { instruction, folder, uploads, seed: 5 });
    expect(steps(writer.requests)).toEqual(['article', '适合插入图像的行是', '最合适的图是']);
    expect(writer.requests[0]!.images).toEqual(uploads);
    const shown = article.sections.flatMap(
      ({ picture }) => picture?.candidates[picture.selected]?.file ?? [],
    );
    expect(shown).toEqual(['pictures/upload-b.png', 'pictures/upload-a.png']);
  });
});

describe('at the door', () => {
  test.each([
    [{}, 'there is nowhere to take them from'],
    [{ pictures: -1 }, "not 'auto' or 0, 1, 2"],
    [{ uploads: Array(11).fill(pngOf('')) }, '11 uploads are more than 10'],
    [{ picture: 1 }, 'unknown option picture'],
  ])('%o', async (options, message) => {
    const composing = compose(teaWriter(), { instruction, folder, ...options });
    await expect(composing).rejects.toThrow(message);
  });

  test('an upload that is no picture is an error', async () => {
    const options = { instruction, folder, uploads: [new Uint8Array(4)] };
    await expect(compose(teaWriter(), options)).rejects.toThrow('Upload 1 is no PNG');
  });
});

describe('an article that was interrupted', () => {
  const source = new URL('.', import.meta.url).href;
  const program = (where: string, kill: number) => `
    import { compose } from '${source}compose.ts';
    import { teaImages, teaWriter } from '${source}testing.ts';
    await compose(teaWriter(${kill}), ${JSON.stringify({ instruction, seed: 5 }).slice(0, -1)},
      folder: ${JSON.stringify(where)}, images: teaImages() });
  `;

  test.each([0, 3, 5])(
    'by kill -9 at call %i goes on and ends with the same bytes',
    async (kill) => {
      const [whole, killed] = [join(folder, 'whole'), join(folder, 'killed')];
      await compose(teaWriter(), { instruction, folder: whole, images: teaImages(), seed: 5 });
      expect(await runProgram(program(killed, kill))).toBe('SIGKILL');
      const writer = teaWriter();
      await compose(writer, { instruction, folder: killed, images: teaImages(), seed: 5 });
      expect(writer.requests).toHaveLength(6 - kill);
      expect(await filesIn(killed)).toEqual(await filesIn(whole));
    },
  );

  test('keeps the seed that nobody chose', async () => {
    const images = { search: () => Promise.reject(new Error('offline')) };
    const options = { instruction, folder, images };
    await expect(compose(teaWriter(), options)).rejects.toThrow('offline');
    const { seed } = JSON.parse(await readFile(join(folder, 'compose.json'), 'utf8'));
    const article = await compose(teaWriter(), { ...options, images: teaImages() });
    expect(article.sections.at(-1)!.text).toBe(`Tea is drunk. ${seed}`);
  });

  test('and ended is there at once', async () => {
    const options = { instruction, folder, images: teaImages(), seed: 5 };
    const article = await compose(teaWriter(), options);
    const writer = teaWriter();
    expect(await compose(writer, options)).toEqual(article);
    expect(writer.requests).toEqual([]);
  });

  test('does not go on as another article', async () => {
    await compose(teaWriter(), { instruction, folder, pictures: 0 });
    const other = compose(teaWriter(), { instruction: 'Coffee', folder, pictures: 0 });
    await expect(other).rejects.toThrow('it was begun with other options');
    const reseeded = compose(teaWriter(), { instruction, folder, pictures: 0, seed: 1 });
    await expect(reseeded).rejects.toThrow('it was begun with other options');
  });

  test('with a damaged state says which file', async () => {
    for (const damage of ['{', '{"version":2}', 'null']) {
      await writeFile(join(folder, 'compose.json'), damage);
      const composing = compose(teaWriter(), { instruction, folder, pictures: 0 });
      await expect(composing).rejects.toThrow(
        `Resuming the article in "${join(folder, 'compose.json')}"`,
      );
    }
  });

  test('stops between steps when aborted', async () => {
    const stop = new AbortController();
    const composing = compose(teaWriter(), {
      ...{ instruction, folder, images: teaImages(), signal: stop.signal },
      onEvent: ({ type }) => type === 'end' && stop.abort(new Error('enough')),
    });
    await expect(composing).rejects.toThrow('enough');
  });
});

import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hasFfmpeg } from './test-support/has-ffmpeg.ts';
import { eventsOf, fixture, lingbi, microModel } from './test-support/run-lingbi.ts';

const short = [...microModel, '--seed', '7', '--max-new-tokens', '6'];
const picture = fixture('pictures/ccbench-383.jpg');

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'lingbi-recipes-'));
});
afterEach(() => rm(cwd, { recursive: true }));

const contentOf = (file: string) => readFile(join(cwd, file), 'utf8');

describe('pages', () => {
  test('of a description come to disk under the name of the recipe', async () => {
    const ended = await lingbi(['webpage', ...short, 'A page about tea'], { cwd });
    expect(ended).toMatchObject({ code: 0, stdout: 'Instruction-aware_Webpage_Generation.html\n' });
    expect(ended.stderr).toContain('warning: the page was cut off and closed');
    expect(await contentOf('Instruction-aware_Webpage_Generation.html')).not.toBe('');
  });

  test('tell scripts each step and where they are', async () => {
    await writeFile(join(cwd, 'me.md'), '# Ann\nWrites about tea.\n');
    const words = ['resume', ...short, '--json', '--out', 'pages/me.html', 'me.md'];
    const events = eventsOf(await lingbi(words, { cwd }));
    const ends = events.filter(({ type }) => type === 'end');
    expect(ends.map(({ step }) => step)).toEqual(['page', 'events']);
    expect(events.at(-1)).toMatchObject({ type: 'done', file: 'pages/me.html', reason: 'length' });
    expect(await contentOf('pages/me.html')).toBe(ends[0]!['text']);
  });

  test('of screenshots show the model as many tiles as were asked for', async () => {
    const words = ['screenshot', ...short, '--beams', '1', '--json'];
    const tokens = async (...more: string[]) => {
      const portrait = fixture('pictures/portrait-420x700.jpg');
      const events = eventsOf(await lingbi([...words, ...more, portrait], { cwd }));
      return events.find(({ type }) => type === 'end')!['usage'].imageTokens;
    };
    expect(await tokens('--hd-num', '1')).toBeLessThan(await tokens());
  });

  test.skipIf(process.platform !== 'linux')('open in the browser, shut in', async () => {
    const browser = join(cwd, 'browser');
    await writeFile(browser, `#!/bin/sh\necho "$1" > "${cwd}/opened"\n`);
    await chmod(browser, 0o755);
    const env = { BROWSER: browser, DISPLAY: undefined, WAYLAND_DISPLAY: undefined };
    const words = ['webpage', ...short, '--json', '--open', 'A page about tea'];
    const done = eventsOf(await lingbi(words, { cwd, env })).at(-1)!;
    await expect.poll(() => contentOf('opened').catch(() => ''), { timeout: 60_000 }).not.toBe('');
    const opened = (await contentOf('opened')).trim();
    const preview = opened.startsWith('file:') ? fileURLToPath(opened) : opened;
    expect(preview).toBe(done['preview']);
    const html = await readFile(preview, 'utf8');
    expect(html).toContain('<iframe sandbox=""');
    expect(html).toContain('Content-Security-Policy');
    await rm(preview);
  });
});

describe('articles', () => {
  test('are printed, or written to a file', async () => {
    const printed = await lingbi(['article', ...short, 'Tea'], { cwd });
    const { code, stdout } = await lingbi(['article', ...short, '--out', 'tea.md', 'Tea'], { cwd });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'tea.md\n' });
    expect(await contentOf('tea.md')).toBe(printed.stdout);
  });

  test('with pictures are a folder and a zip file', async () => {
    const words = ['article', ...short, '--json', '--uploads', '--image', picture];
    const out = ['--out', 'tea', '--zip', 'tea.zip', 'Tea'];
    const ended = await lingbi([...words, ...out], { cwd });
    const [section] = eventsOf(ended).at(-1)!['sections'];
    expect(await contentOf('tea/article.md')).toContain(section.text);
    expect(await contentOf('tea/article.html')).toContain('<!doctype html>');
    expect((await readFile(join(cwd, 'tea.zip'))).subarray(0, 2).toString()).toBe('PK');
  });

  test.each([
    [['--zip', 'a.zip'], '--zip is about pictures'],
    [['--count', '3'], '--count is about pictures'],
    [['--uploads'], '--uploads places the pictures of --image'],
    [['--pictures', '.', '--image', picture], 'Say --uploads'],
    [['--pictures', '.'], 'needs a folder'],
  ])('say what is wrong about %j', async (words, message) => {
    const { code, stderr } = await lingbi(['article', ...short, ...words, 'Tea'], { cwd });
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });
});

describe('captions', () => {
  test('of pictures are lines of JSON; a picture that cannot be read has one, too', async () => {
    await writeFile(join(cwd, 'broken.png'), 'no picture');
    const words = ['caption', ...short, '--out', 'c.jsonl', picture, 'broken.png'];
    const { code, stdout, stderr } = await lingbi(words, { cwd });
    expect({ code, stdout }).toEqual({ code: 1, stdout: 'c.jsonl\n' });
    expect(stderr).toContain('warning: broken.png: ');
    const lines = (await contentOf('c.jsonl'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toEqual([
      expect.objectContaining({ image: picture, caption: expect.any(String) }),
      expect.objectContaining({ image: 'broken.png', error: expect.any(String) }),
    ]);
  });

  test('of a video need ffmpeg', async (context) => {
    const words = ['caption', ...short, '--greedy', '--every', '8', '--sliding', '--json'];
    const video = ['--video', fixture('video/numbered.mp4')];
    context.skip(!(await hasFfmpeg()), 'there is no ffmpeg');
    const unseeded = [...words, ...video].filter((word) => word !== '--seed' && word !== '7');
    const events = eventsOf(await lingbi(unseeded, { cwd }));
    const captions = events.filter(({ type }) => type === 'frame-caption');
    expect(captions.map(({ seconds }) => seconds)).toEqual([0, 8]);
    expect(events.at(-1)).toMatchObject({ type: 'done', caption: expect.any(String) });
  });

  test.each([
    [[], 'Give pictures'],
    [['--sliding', picture], '--sliding is about a video'],
    [['--video', 'a.mp4', picture], 'Give pictures, folders of them, or one --video'],
  ])('say what is wrong about %j', async (words, message) => {
    const { code, stderr } = await lingbi(['caption', ...short, ...words], { cwd });
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });
});

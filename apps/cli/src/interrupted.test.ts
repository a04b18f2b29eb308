/** Work that was killed goes on where it was, and ends with the bytes it would have had. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Ended, eventsOf, fixture, lingbi, microModel } from './test-support/run-lingbi.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'lingbi-interrupted-'));
});
afterEach(() => rm(cwd, { recursive: true }));

/** Runs the command and kills it at the first line that holds `moment`. */
async function killAt(moment: string, words: readonly string[]): Promise<Ended> {
  const ended = await lingbi(words, {
    cwd,
    onLine: (line, child) => line.includes(moment) && child.kill('SIGKILL'),
  });
  expect(ended.code).toBe('SIGKILL');
  return ended;
}

test('lingbi caption', async () => {
  const pictures = ['cars1.jpg', 'ccbench-383.jpg', 'portrait-420x700.jpg'];
  const words = (out: string) => [
    ...[
      'caption',
      ...microModel,
      '--seed',
      '3',
      '--max-new-tokens',
      '5',
      '--hd-num',
      '2',
      '--json',
    ],
    ...['--out', out, ...pictures.map((name) => fixture(`pictures/${name}`))],
  ];
  await lingbi(words('whole.jsonl'), { cwd });
  await killAt('"picture-captioned"', words('killed.jsonl'));
  const before = await readFile(join(cwd, 'killed.jsonl'), 'utf8');
  expect(before.trim().split('\n').length).toBeLessThan(pictures.length);
  const { code } = await lingbi(words('killed.jsonl'), { cwd });
  expect(code).toBe(0);
  const after = await readFile(join(cwd, 'killed.jsonl'), 'utf8');
  expect(after.startsWith(before)).toBe(true);
  expect(after).toBe(await readFile(join(cwd, 'whole.jsonl'), 'utf8'));
});

test('lingbi article with pictures', async () => {
  const words = (out: string) => [
    ...['article', ...microModel, '--seed', '3', '--max-new-tokens', '12', '--json'],
    ...['--uploads', '--image', fixture('pictures/ccbench-383.jpg'), '--hd-num', '2'],
    ...['--out', out, 'Tea'],
  ];
  await lingbi(words('whole'), { cwd });
  const killed = await killAt('"step":"positions"', words('killed'));
  expect(eventsOf(killed).some(({ step, type }) => step === 'article' && type === 'end')).toBe(
    true,
  );
  const resumed = await lingbi(words('killed'), { cwd });
  expect(resumed.code).toBe(0);
  expect(eventsOf(resumed).some(({ step }) => step === 'article')).toBe(false);
  for (const file of ['article.md', 'article.html', 'compose.json']) {
    expect(await readFile(join(cwd, 'killed', file))).toEqual(
      await readFile(join(cwd, 'whole', file)),
    );
  }
});

import { describe, expect, test } from 'vitest';
import type { TiledImage } from '../models/tiled-image.ts';
import type { PromptChunk } from './prompt.ts';
import { PromptLog } from './prompt-log.ts';
import { testPrompt } from './test-runtime.ts';

const picture = (tokens: number): PromptChunk => ({
  type: 'image',
  tokens,
  image: { key: 'a' } as TiledImage,
});

test('tokens written after a text become part of it', () => {
  const log = new PromptLog(testPrompt(1, 2));
  log.write([3], 2);
  log.write([4, 5], 3);
  expect(log.prompt).toEqual(testPrompt(1, 2, 3, 4, 5));
});

test('tokens written after a picture, or after nothing, are a text of their own', () => {
  const log = new PromptLog([picture(10)]);
  log.write([3], 10);
  expect(log.prompt).toEqual([picture(10), ...testPrompt(3)]);
  const empty = new PromptLog([]);
  empty.write([3], 0);
  expect(empty.prompt).toEqual(testPrompt(3));
});

test('no tokens change nothing', () => {
  const log = new PromptLog([picture(10)]);
  log.write([], 10);
  expect(log.prompt).toEqual([picture(10)]);
});

describe('written from the middle on, they take the place of', () => {
  test('tokens that came before, joined or not', () => {
    const log = new PromptLog(testPrompt(1, 2));
    log.write([3, 4, 5], 2);
    log.write([6], 4);
    expect(log.prompt).toEqual(testPrompt(1, 2, 3, 4, 6));
    log.write([7], 3);
    expect(log.prompt).toEqual(testPrompt(1, 2, 3, 7));
  });

  test('the end of the prompt, and all tokens after it', () => {
    const log = new PromptLog([...testPrompt(1, 2), picture(10)]);
    log.write([3, 4], 12);
    log.write([5], 7);
    expect(log.prompt).toEqual([...testPrompt(1, 2), picture(5), ...testPrompt(5)]);
    log.write([], 1);
    expect(log.prompt).toEqual(testPrompt(1));
  });
});

test('a prompt that was given out stays as it was', () => {
  const log = new PromptLog(testPrompt(1, 2));
  log.write([3, 4], 2);
  const before = log.prompt;
  log.write([5], 3);
  expect(before).toEqual(testPrompt(1, 2, 3, 4));
  expect(log.prompt).toEqual(testPrompt(1, 2, 3, 5));
});

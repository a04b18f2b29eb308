import { describe, expect, test } from 'vitest';
import type { TiledImage } from '../models/tiled-image.ts';
import {
  cutPrompt,
  joinTexts,
  type PromptChunk,
  promptLength,
  sharedLength,
  spansFrom,
} from './prompt.ts';

const text = (...ids: number[]): PromptChunk => ({ type: 'text', ids: Int32Array.from(ids) });
const picture = (key: string, tokens = 10): PromptChunk => ({
  type: 'image',
  tokens,
  image: { key } as TiledImage,
});

test('neighbouring texts become one, empty ones vanish', () => {
  const joined = joinTexts([text(1), text(), picture('a'), text(2), text(3, 4)]);
  expect(joined).toEqual([text(1), picture('a'), text(2, 3, 4)]);
});

describe('sharedLength()', () => {
  test.each([
    ['nothing in common', [text(1, 2)], [text(3)], 0],
    ['one is the start of the other', [text(1, 2)], [text(1, 2, 3)], 2],
    ['they part within a text', [text(1, 2, 3)], [text(1, 2, 9)], 2],
    ['the same picture', [text(1), picture('a'), text(2)], [text(1), picture('a'), text(3)], 11],
    ['another picture', [text(1), picture('a')], [text(1), picture('b')], 1],
    ['a picture that was cut', [text(1), picture('a', 4)], [text(1), picture('a')], 5],
    ['text where the other has a picture', [text(1, 2)], [text(1), picture('a')], 1],
  ])('%s', (_, a, b, shared) => {
    expect(sharedLength(a, b)).toBe(shared);
    expect(sharedLength(b, a)).toBe(shared);
  });
});

test('cutPrompt() may cut texts and pictures in their middle', () => {
  const prompt = [text(1, 2), picture('a'), text(3)];
  expect(cutPrompt(prompt, 1)).toEqual([text(1)]);
  expect(cutPrompt(prompt, 7)).toEqual([text(1, 2), picture('a', 5)]);
  expect(cutPrompt(prompt, 99)).toEqual(prompt);
});

test('spans cover the prompt from a position on, and never cross a chunk', () => {
  const prompt = [text(1, 2, 3), picture('a', 10), text(4)];
  const spans = spansFrom(prompt, 2, 4).map(({ chunk, from, to }) => [chunk.type, from, to]);
  expect(spans).toEqual([
    ['text', 2, 3],
    ['image', 0, 4],
    ['image', 4, 8],
    ['image', 8, 10],
    ['text', 0, 1],
  ]);
  expect(promptLength(prompt)).toBe(14);
});

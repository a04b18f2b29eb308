import { expect, test } from 'vitest';
import { emptyPast, readWith, reusableLength } from './past.ts';
import { testPrompt } from './test-runtime.ts';

const prompt = testPrompt(1, 2, 3, 4);
const past = { prompt, origin: 'base', theta: 100, steady: 4 };
const wanted = { prompt: testPrompt(1, 2, 3, 5), origin: 'base', theta: 100 };

test('what a past and a prompt share is reusable', () => {
  expect(reusableLength(past, wanted)).toBe(3);
  expect(reusableLength(emptyPast, wanted)).toBe(0);
});

test('nothing is under another adapter, or with keys of another base', () => {
  expect(reusableLength(past, { ...wanted, origin: 'web' })).toBe(0);
  expect(reusableLength(past, { ...wanted, theta: 200 })).toBe(0);
});

test('only the beginning is where a base ended', () => {
  expect(reusableLength({ ...past, steady: 2 }, wanted)).toBe(2);
});

test('a base holds as far as it was read with', () => {
  const first = readWith(emptyPast, 100, { from: 0, to: 3 });
  expect(first).toEqual({ theta: 100, steady: 3 });
  expect(readWith(first, 100, { from: 3, to: 5 })).toEqual({ theta: 100, steady: 5 });
  const mixed = readWith(first, 200, { from: 3, to: 5 });
  expect(mixed).toEqual({ theta: 100, steady: 3 });
  expect(readWith(mixed, 100, { from: 5, to: 6 })).toEqual(mixed);
  expect(readWith(mixed, 200, { from: 0, to: 1 })).toEqual({ theta: 200, steady: 1 });
});

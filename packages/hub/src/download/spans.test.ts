import { expect, test } from 'vitest';
import { cutSpans, gapsIn, lengthOf } from './spans.ts';

test('gaps are what saved spans leave, whatever their order and overlaps', () => {
  const saved = [
    { start: 50, end: 60 },
    { start: 0, end: 10 },
    { start: 5, end: 20 },
  ];
  expect(gapsIn(100, saved)).toEqual([
    { start: 20, end: 50 },
    { start: 60, end: 100 },
  ]);
  expect(gapsIn(0, [])).toEqual([]);
});

test('spans that make no sense count for nothing', () => {
  const saved = [
    { start: 10, end: 5 },
    { start: -5, end: 5 },
    { start: 90, end: 200 },
  ];
  expect(gapsIn(100, saved)).toEqual([{ start: 0, end: 100 }]);
});

test('parts cover the spans and are never longer than asked for', () => {
  const parts = cutSpans(
    [
      { start: 5, end: 25 },
      { start: 30, end: 31 },
    ],
    10,
  );
  expect(parts).toEqual([
    { start: 5, end: 15 },
    { start: 15, end: 25 },
    { start: 30, end: 31 },
  ]);
  expect(lengthOf(parts)).toBe(21);
});

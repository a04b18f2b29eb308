import { expect, test } from 'vitest';
import { cutStrips } from './strips.ts';
import { resizeTaps } from './taps.ts';

test('a strip reads no more source rows than allowed, and every row is in one strip', () => {
  const strips = cutStrips(resizeTaps(1000, 300, 'bilinear'), 50);
  expect(Math.max(...strips.map(({ sourceRows }) => sourceRows))).toBeLessThanOrEqual(50);
  let next = 0;
  for (const { firstRow, rows } of strips) {
    expect(firstRow).toBe(next);
    next += rows;
  }
  expect(next).toBe(300);
});

test('a row that reads more than allowed is a strip of its own', () => {
  const strips = cutStrips(resizeTaps(1000, 3, 'bilinear'), 50);
  expect(strips.map(({ rows }) => rows)).toEqual([1, 1, 1]);
});

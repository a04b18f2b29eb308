import { describe, expect, test } from 'vitest';
import { createRandom, nextBits, splitMix64 } from './random.ts';

test('xoshiro128** gives the numbers its authors’ C code gives', () => {
  const state = Uint32Array.of(1, 2, 3, 4);
  const found = Array.from({ length: 4 }, () => nextBits(state));
  expect(found).toEqual([11520, 0, 5927040, 70819200]);
});

test('SplitMix64 gives its published numbers', () => {
  expect(splitMix64(1234567n)).toEqual([6457827717110365317n, 3203168211198807973n]);
});

describe('createRandom()', () => {
  // Contract: these numbers never change. Whoever kept a seed gets the same answer again.
  test('streams are the same in every version', () => {
    const random = createRandom(42);
    expect(Array.from({ length: 6 }, random.bits)).toEqual([
      1776835114, 4165204688, 17111135, 2317295270, 2792088233, 2554630222,
    ]);
    expect(Array.from({ length: 4 }, random.uniform)).toEqual([
      0.6846020186141416, 0.8306474885481525, 0.7362412159731277, 0.8058046439859193,
    ]);
    const largest = createRandom(Number.MAX_SAFE_INTEGER);
    expect(Array.from({ length: 3 }, largest.bits)).toEqual([1233166643, 1287031142, 661813442]);
  });

  test('seeds that differ in one bit give streams that have nothing in common', () => {
    const [a, b] = [createRandom(0), createRandom(1)];
    const same = Array.from({ length: 1000 }, () => a.bits() === b.bits()).filter(Boolean);
    expect(same).toHaveLength(0);
  });

  test('numbers lie in [0, 1) and are spread evenly', () => {
    const random = createRandom(7);
    const tenths = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i++) tenths[Math.floor(random.uniform() * 10)]! += 1;
    // Ten equal bins of 10,000 numbers: the standard deviation of each is 30.
    for (const count of tenths) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  test.each([-1, 1.5, Number.NaN, 2 ** 53])('%d is no seed', (seed) => {
    expect(() => createRandom(seed)).toThrow('a whole number from 0 to 2^53 − 1');
  });
});

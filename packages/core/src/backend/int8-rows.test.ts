import { expect, test } from 'vitest';
import { roundRow } from './int8-rows.ts';

test('the largest number of a row is 127 steps', () => {
  const steps = new Int8Array(4);
  expect(roundRow(Float32Array.of(0.5, -2, 1, 0), 0, 4, steps, 0)).toBeCloseTo(2 / 127);
  expect([...steps]).toEqual([32, -127, 64, 0]);
});

test('a row of zeros is worth nothing', () => {
  const steps = new Uint8Array(3);
  expect(roundRow(new Float32Array(3), 0, 3, steps, 0, 128)).toBe(0);
  expect([...steps]).toEqual([128, 128, 128]);
});

test.each([Number.NaN, Infinity, -Infinity])('of a row with %d nothing is a number', (strange) => {
  const steps = new Uint8Array(2);
  expect(roundRow(Float32Array.of(strange, 1), 0, 2, steps, 0, 128)).toBeNaN();
});

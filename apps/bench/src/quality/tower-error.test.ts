import { expect, test } from 'vitest';
import { relativeRms } from './tower-error.ts';

test('an error is the root mean square of differences, in sizes of what was wanted', () => {
  const wanted = [Float32Array.of(3, 0), Float32Array.of(0, 4)];
  expect(relativeRms(wanted, wanted)).toBe(0);
  const found = [Float32Array.of(3, 0.3), Float32Array.of(0, 4.4)];
  expect(relativeRms(found, wanted)).toBeCloseTo(0.5 / 5);
});

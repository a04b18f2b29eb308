import { describe, expect, test } from 'vitest';
import { createRandom } from './random.ts';
import { likeliest } from './sampler.ts';

/** As the definition says it. */
function firstLargest(numbers: Float32Array): number {
  let best = 0;
  for (let at = 1; at < numbers.length; at++) if (numbers[at]! > numbers[best]!) best = at;
  return best;
}

describe('The likeliest token', () => {
  test('is the first of equals, within a stretch and across two', () => {
    for (const places of [
      [5, 6],
      [1023, 1024],
      [700, 2900],
      [2999, 3001],
    ]) {
      const logits = new Float32Array(3002).fill(-1);
      for (const place of places) logits[place] = 4;
      expect(likeliest(logits)).toBe(places[0]);
    }
  });

  test('is found in any length, beside numbers that are none or have no end', () => {
    const random = createRandom(7);
    const strange = [Number.NaN, -Infinity, Infinity];
    for (let length = 1; length < 4200; length += 13) {
      const logits = Float32Array.from({ length }, () => {
        const drawn = random.uniform();
        return drawn < 0.01 ? strange[length % 3]! : Math.round(drawn * 40) - 30;
      });
      expect(likeliest(logits)).toBe(firstLargest(logits));
    }
  });

  test('is the first where all are -Infinity or the first is no number', () => {
    expect(likeliest(new Float32Array(2000).fill(-Infinity))).toBe(0);
    expect(likeliest(Float32Array.of(Number.NaN, 3, 9))).toBe(0);
  });
});

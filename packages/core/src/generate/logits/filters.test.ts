import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { minP, temperature, topK, topP } from './filters.ts';
import { logSoftmax, logSumExp } from './log-softmax.ts';
import type { LogitsStep } from './logits-step.ts';
import { filterSteps } from './steps-of.ts';
import { topScores } from './top-scores.ts';

/** Few different numbers, so that many are equal. */
const scoreLists = fc
  .array(fc.oneof(fc.integer({ min: -4, max: 4 }), fc.constant(-Infinity)), {
    minLength: 1,
    maxLength: 40,
  })
  .filter((scores) => scores.some((score) => score > -Infinity));

function keptBy(step: LogitsStep, scores: readonly number[]): number[] {
  const changed = Float32Array.from(scores);
  step(changed, { generated: [], prompt: [] });
  return [...changed.keys()].filter((id) => changed[id]! > -Infinity);
}

/** Ids of possible tokens by sorting: the higher score first, of equal ones the lower id. */
function ranked(scores: readonly number[]): number[] {
  const ids = [...scores.keys()].filter((id) => scores[id]! > -Infinity);
  return ids.sort((a, b) => scores[b]! - scores[a]! || a - b);
}

const ascending = (ids: readonly number[]) => ids.toSorted((a, b) => a - b);

describe('filters keep what sorting all scores would keep', () => {
  test('topK: the best, and those equal to the last of them', () => {
    fc.assert(
      fc.property(scoreLists, fc.integer({ min: 1, max: 45 }), (scores, count) => {
        const order = ranked(scores);
        const bar = scores[order[Math.min(count, order.length) - 1]!]!;
        expect(keptBy(topK(count), scores)).toEqual(
          ascending(order.filter((id) => scores[id]! >= bar)),
        );
      }),
    );
  });

  test('topP: the fewest that reach the mass, at least as many as asked for', () => {
    const masses = fc.double({ min: 0.01, max: 0.99, noNaN: true });
    fc.assert(
      fc.property(scoreLists, masses, fc.integer({ min: 1, max: 4 }), (scores, mass, least) => {
        const order = ranked(scores);
        const weights = order.map((id) => Math.exp(scores[id]!));
        const total = weights.reduce((sum, each) => sum + each);
        const reached = weights.map((_, i) => weights.slice(0, i).reduce((a, b) => a + b, 0));
        // Sums that all but equal the border may fall on either side of it.
        fc.pre(reached.every((sum) => Math.abs(sum / total - mass) > 1e-9));
        const fewest = reached.filter((sum) => sum < mass * total).length;
        expect(keptBy(topP(mass, least), scores)).toEqual(
          ascending(order.slice(0, Math.max(fewest, least))),
        );
      }),
    );
  });

  test('minP: those likely enough beside the likeliest', () => {
    expect(keptBy(minP(0.1), [0, -2, -2.5, -Infinity, -9])).toEqual([0, 1]);
    expect(keptBy(minP(0.1, 3), [0, -2, -2.5, -Infinity, -9])).toEqual([0, 1, 2]);
  });

  test('topScores: the best in order', () => {
    fc.assert(
      fc.property(scoreLists, fc.integer({ min: 1, max: 45 }), (scores, count) => {
        const found = topScores(Float32Array.from(scores), count).map(({ token }) => token);
        expect(found).toEqual(ranked(scores).slice(0, count));
      }),
    );
  });
});

test('temperature divides', () => {
  const scores = Float32Array.of(1, -2, -Infinity);
  temperature(0.5)(scores, { generated: [], prompt: [] });
  expect([...scores]).toEqual([2, -4, -Infinity]);
});

test('options that change nothing cost no step', () => {
  expect(filterSteps({ temperature: 1, topP: 1 })).toEqual([]);
});

describe('logSoftmax()', () => {
  test('neither overflows nor vanishes for scores far from zero', () => {
    expect([...logSoftmax(Float32Array.of(5000, 5000))]).toEqual([
      Math.fround(-Math.LN2),
      Math.fround(-Math.LN2),
    ]);
    expect(logSumExp(Float32Array.of(-5000, -5000, -Infinity))).toBeCloseTo(-5000 + Math.LN2, 9);
  });

  test('gives probabilities that sum to one', () => {
    const sum = logSoftmax(Float32Array.from({ length: 92544 }, (_, i) => 20 * Math.sin(i)))
      .map(Math.exp)
      .reduce((all, each) => all + each);
    expect(sum).toBeCloseTo(1, 4);
  });
});

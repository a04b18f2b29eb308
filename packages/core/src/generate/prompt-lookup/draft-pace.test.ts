import { expect, test } from 'vitest';
import { DraftPace } from './draft-pace.ts';

function pace(plainMilliseconds = 10): DraftPace {
  const started = new DraftPace();
  for (let run = 0; run < 3; run++) started.ranPlain(plainMilliseconds);
  return started;
}

test('nothing is drafted before three runs have shown what a token costs', () => {
  const fresh = new DraftPace();
  for (let run = 0; run < 3; run++) {
    expect(fresh.count).toBe(0);
    fresh.ranPlain(10);
  }
  expect(fresh.count).toBe(3);
});

test('one slow run does not make drafts look cheap', () => {
  const fresh = new DraftPace();
  for (const milliseconds of [500, 10, 10]) fresh.ranPlain(milliseconds);
  fresh.ran({ milliseconds: 15, drafted: 3, accepted: 0 });
  expect(fresh.count).toBe(0);
});

test('every now and then a run goes without, to see what a token costs now', () => {
  const good = pace();
  for (let run = 0; run < 32; run++) {
    expect(good.count).toBeGreaterThan(0);
    good.ran({ milliseconds: 15, drafted: 3, accepted: 3 });
  }
  expect(good.count).toBe(0);
  good.ranPlain(10);
  expect(good.count).toBe(6);
});

test('drafts that come true get longer, up to eight; others shorter, down to one', () => {
  const good = pace();
  for (const [drafted, next] of [
    [3, 6],
    [6, 8],
    [8, 8],
  ] as const) {
    good.ran({ milliseconds: 15, drafted, accepted: drafted });
    expect(good.count).toBe(next);
  }
  const mixed = pace(100);
  mixed.ran({ milliseconds: 15, drafted: 8, accepted: 2 });
  expect(mixed.count).toBe(5);
  mixed.ran({ milliseconds: 15, drafted: 1, accepted: 0 });
  expect(mixed.count).toBe(1);
});

test('where a token takes longer than without, drafting rests, each time twice as long', () => {
  const losing = pace();
  for (const pause of [16, 32, 64]) {
    losing.ran({ milliseconds: 15, drafted: 3, accepted: 0 });
    for (let run = 0; run < pause; run++) {
      expect(losing.count).toBe(0);
      losing.ranPlain(10);
    }
    expect(losing.count).toBe(3);
  }
});

test('a draft that pays ends the long rests', () => {
  const turning = pace();
  const rest = () => {
    turning.ran({ milliseconds: 15, drafted: 3, accepted: 0 });
    let runs = 0;
    for (; turning.count === 0; runs++) turning.ranPlain(10);
    return runs;
  };
  expect([rest(), rest()]).toEqual([16, 32]);
  turning.ran({ milliseconds: 15, drafted: 3, accepted: 3 });
  for (let lost = 0; turning.count > 0; lost++) {
    expect(lost).toBeLessThan(9);
    turning.ran({ milliseconds: 40, drafted: 3, accepted: 0 });
  }
  let runs = 0;
  for (; turning.count === 0; runs++) turning.ranPlain(10);
  expect(runs).toBe(16);
});

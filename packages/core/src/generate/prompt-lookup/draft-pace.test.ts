import { expect, test } from 'vitest';
import { DraftPace } from './draft-pace.ts';

function pace(plainMilliseconds = 10): DraftPace {
  const started = new DraftPace();
  started.ranPlain(plainMilliseconds);
  return started;
}

test('nothing is drafted before a run has shown what a token costs', () => {
  expect(new DraftPace().count).toBe(0);
  expect(pace().count).toBe(3);
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

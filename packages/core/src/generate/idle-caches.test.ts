import { expect, test } from 'vitest';
import type { KvCache } from '../backend/backend.ts';
import { IdleCaches } from './idle-caches.ts';
import { testPrompt } from './test-runtime.ts';

function heldCache(length: number, disposed: number[] = []): KvCache {
  return {
    ...{ slots: 1, capacity: 100, length: () => length, held: () => length },
    ...{
      truncate: () => {},
      giveBack: () => {},
      grow: async () => {},
      copy: async () => {},
      extend: async () => {},
    },
    [Symbol.dispose]: () => void disposed.push(length),
  };
}
const left = (cache: KvCache, ...ids: number[]) => {
  return { cache, past: { ...wanted(...ids), steady: ids.length } };
};
const wanted = (...ids: number[]) => {
  return { prompt: testPrompt(...ids), origin: 'base', theta: 100 };
};

test('the one that shares most is taken, once, and what it saved is counted', () => {
  const idle = new IdleCaches(1000, 10);
  const [short, long] = [heldCache(2), heldCache(3)];
  idle.leave(left(short, 1, 2));
  idle.leave(left(long, 1, 2, 3));
  expect(idle.use).toEqual({ hits: 0, misses: 0, savedTokens: 0, bytes: 50, sequences: 2 });
  expect(idle.take(wanted(1, 2, 3, 4))!.cache).toBe(long);
  expect(idle.take(wanted(1, 2, 3, 4))!.cache).toBe(short);
  expect(idle.take(wanted(1, 2, 3, 4))).toBeUndefined();
  expect(idle.use).toEqual({ hits: 2, misses: 1, savedTokens: 5, bytes: 0, sequences: 0 });
});

test('another adapter, another rotary base or nothing in common is no match', () => {
  const idle = new IdleCaches(1000, 10);
  idle.leave(left(heldCache(2), 1, 2));
  expect(idle.take({ ...wanted(1, 2), origin: 'web' })).toBeUndefined();
  expect(idle.take({ ...wanted(1, 2), theta: 200 })).toBeUndefined();
  expect(idle.take(wanted(2, 1))).toBeUndefined();
});

test('a long past is not cut down for a beginning in common', () => {
  const idle = new IdleCaches(1000, 10);
  idle.leave(left(heldCache(5), 1, 2, 3, 4, 5));
  expect(idle.take(wanted(1, 2, 9))).toBeUndefined();
  expect(idle.use).toMatchObject({ misses: 1, sequences: 1 });
  expect(idle.take(wanted(1, 2, 3, 9))).toBeDefined();
});

test('what a prompt would take is not given back meanwhile', () => {
  const disposed: number[] = [];
  const idle = new IdleCaches(1000, 10);
  for (const ids of [[1, 2, 3], [7]]) idle.leave(left(heldCache(ids.length, disposed), ...ids));
  idle.sparing(wanted(1, 2, 3, 4), () => {
    expect([idle.positions, idle.sparedPositions]).toEqual([1, 3]);
    while (idle.dropOldest());
  });
  expect(disposed).toEqual([1]);
  expect([idle.positions, idle.sparedPositions]).toEqual([3, 0]);
  expect(idle.dropOldest()).toBe(true);
});

test('the position that is read anew counts as read', () => {
  const idle = new IdleCaches(1000, 10);
  idle.leave(left(heldCache(3), 1, 2, 3));
  idle.take(wanted(1, 2, 3));
  expect(idle.use.savedTokens).toBe(2);
});

test('the budget lets go of the oldest; without one nothing stays', () => {
  const disposed: number[] = [];
  const idle = new IdleCaches(60, 10);
  for (const length of [2, 3, 4]) idle.leave(left(heldCache(length, disposed), length));
  expect(disposed).toEqual([2, 3]);
  new IdleCaches(0, 10).leave(left(heldCache(5, disposed), 5));
  expect(disposed).toEqual([2, 3, 5]);
  idle[Symbol.dispose]();
  expect(disposed).toEqual([2, 3, 5, 4]);
});

import { expect, test } from 'vitest';
import { KernelCache } from './kernel-cache.ts';
import type { KernelTable } from './kernel-table.ts';

/** Entries are words; those that were disposed are told. */
function openCache() {
  const disposed: string[] = [];
  const table = {
    name: 'words',
    clone: (value: string) => `${value} again`,
    dispose: (value: string) => void disposed.push(value),
  } as unknown as KernelTable<string>;
  const layers = [{ layer: 0, kvHeads: 1, headDim: 1 }];
  const cache = new KernelCache(table, layers, { capacity: 8, slots: 2, branches: 1 });
  const append = (slot: number, tokens: number) => {
    cache.entry(0, slot).keys = `keys ${slot}`;
    cache.commit([{ slot, tokens, past: cache.length(slot) }]);
  };
  return { cache, append, disposed };
}

test('what was cut off counts as held until its slot goes on or is empty', () => {
  const { cache, append, disposed } = openCache();
  append(0, 6);
  cache.truncate(2);
  expect([cache.length(), cache.held(), cache.held(1)]).toEqual([2, 6, 0]);
  append(0, 1);
  expect(cache.held()).toBe(3);
  expect(disposed).toEqual([]);
  cache.truncate(0);
  expect(cache.held()).toBe(0);
  expect(disposed).toEqual(['keys 0']);
});

test('a slot that was copied over holds what the other does', async () => {
  const { cache, append, disposed } = openCache();
  append(1, 5);
  append(0, 2);
  await cache.copy(0, 1);
  expect([cache.held(1), disposed]).toEqual([2, ['keys 1']]);
});

test('a continuation that has ended gives back its entries', async () => {
  const { cache, append, disposed } = openCache();
  append(0, 2);
  await cache.extend(0, 2);
  cache.truncate(0, 2);
  expect(disposed).toEqual(['keys 0 again']);
});

import { describe, expect, test } from 'vitest';
import type { HostTensor } from '../../backend/backend.ts';
import { createRowCache } from './row-cache.ts';

/** Rows of 40 bytes that can be told apart. */
function rowsOf(value: number): HostTensor {
  return { dtype: 'float32', shape: [10, 1], data: new Float32Array(10).fill(value) };
}

describe('createRowCache()', () => {
  test('encodes a picture once and counts what it saved', async () => {
    const cache = createRowCache(100);
    const first = await cache.rows('a', async () => rowsOf(1));
    const again = await cache.rows('a', () => Promise.reject(new Error('encoded again')));
    expect(again).toBe(first);
    expect(cache.use).toEqual({ hits: 1, misses: 1, bytes: 40, pictures: 1 });
  });

  test('drops what was used longest ago when the budget is full', async () => {
    const cache = createRowCache(100);
    const encoded: string[] = [];
    const ask = (key: string) =>
      cache.rows(key, async () => {
        encoded.push(key);
        return rowsOf(1);
      });
    for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) await ask(key);
    expect(encoded).toEqual(['a', 'b', 'c', 'b']);
    expect(cache.use).toMatchObject({ bytes: 80, pictures: 2 });
  });

  test('a picture over the budget is not kept, and drives nothing out', async () => {
    const cache = createRowCache(50);
    await cache.rows('small', async () => rowsOf(1));
    const large = { ...rowsOf(1), data: new Float32Array(100) };
    await cache.rows('large', async () => large);
    expect(cache.use).toMatchObject({ bytes: 40, pictures: 1 });
  });

  test('a picture that cannot be encoded is asked for again', async () => {
    const cache = createRowCache(100);
    await expect(cache.rows('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await cache.rows('a', async () => rowsOf(2))).toEqual(rowsOf(2));
  });

  test('clear() gives everything back', async () => {
    const cache = createRowCache(100);
    await cache.rows('a', async () => rowsOf(1));
    cache.clear();
    expect(cache.use).toMatchObject({ bytes: 0, pictures: 0 });
  });
});

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

  test('gives back on demand what was used longest ago and is not spared', async () => {
    const cache = createRowCache(1000);
    for (const key of ['a', 'b', 'c', 'a']) await cache.rows(key, async () => rowsOf(1));
    expect([...cache.sizes]).toEqual(['b', 'c', 'a'].map((key) => [key, 40]));
    const spared = new Set(['b', 'a']);
    expect([cache.dropOldest(spared), cache.dropOldest(spared)]).toEqual([true, false]);
    expect([...cache.sizes.keys()]).toEqual(['b', 'a']);
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

  /** Rows that come when the test says so. */
  function slowEncoder() {
    let [calls, stopped] = [0, 0];
    let settle = (_: HostTensor | Error) => {};
    const encode = (signal: AbortSignal) =>
      new Promise<HostTensor>((resolve, reject) => {
        calls++;
        settle = (made) => (made instanceof Error ? reject(made) : resolve(made));
        signal.addEventListener('abort', () => {
          stopped++;
          reject(signal.reason);
        });
      });
    return {
      encode,
      settle: (made: HostTensor | Error) => settle(made),
      seen: () => ({ calls, stopped }),
    };
  }

  test('two who ask at once for a picture wait for one encoding', async () => {
    const cache = createRowCache(0);
    const { encode, settle, seen } = slowEncoder();
    const both = [cache.rows('a', encode), cache.rows('a', encode)];
    settle(rowsOf(1));
    const [first, second] = await Promise.all(both);
    expect(second).toBe(first);
    expect(seen()).toEqual({ calls: 1, stopped: 0 });
    expect(cache.use).toMatchObject({ hits: 1, misses: 1 });
  });

  test('one who leaves does not stop it for the other, whoever asked first', async () => {
    const cache = createRowCache(100);
    const { encode, settle, seen } = slowEncoder();
    const stop = new AbortController();
    const leaving = cache.rows('a', encode, stop.signal);
    const staying = cache.rows('a', encode);
    stop.abort(new Error('enough'));
    await expect(leaving).rejects.toThrow('enough');
    settle(rowsOf(1));
    expect(await staying).toEqual(rowsOf(1));
    expect(seen()).toEqual({ calls: 1, stopped: 0 });
    expect(cache.use.pictures).toBe(1);
  });

  test('it stops when the last one has left, and the next one begins anew', async () => {
    const cache = createRowCache(100);
    const { encode, settle, seen } = slowEncoder();
    const stop = new AbortController();
    const leaving = [1, 2].map(() => cache.rows('a', encode, stop.signal));
    stop.abort(new Error('enough'));
    for (const each of leaving) await expect(each).rejects.toThrow('enough');
    const next = cache.rows('a', encode);
    settle(rowsOf(2));
    expect(await next).toEqual(rowsOf(2));
    expect(seen()).toEqual({ calls: 2, stopped: 1 });
  });

  test('where it fails nothing is kept, and the next one tries again', async () => {
    const cache = createRowCache(100);
    const { encode, settle } = slowEncoder();
    const both = [cache.rows('a', encode), cache.rows('a', encode)];
    settle(new Error('no'));
    for (const each of both) await expect(each).rejects.toThrow('no');
    expect(cache.use.pictures).toBe(0);
    expect(await cache.rows('a', async () => rowsOf(2))).toEqual(rowsOf(2));
  });

  test('clear() gives everything back', async () => {
    const cache = createRowCache(100);
    await cache.rows('a', async () => rowsOf(1));
    cache.clear();
    expect(cache.use).toMatchObject({ bytes: 0, pictures: 0 });
  });
});

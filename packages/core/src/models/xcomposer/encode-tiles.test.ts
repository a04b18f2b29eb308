import { expect, test } from 'vitest';
import { encodeTiles } from './encode-tiles.ts';

const pixels = (value: number) => Float32Array.of(value);

/** Notes what happens in which order; encoding takes until it is let go. */
function workshop() {
  const log: string[] = [];
  const waiting: (() => void)[] = [];
  const tile = (value: number) => () => {
    log.push(`make ${value}`);
    return pixels(value);
  };
  const encode = async ([value]: Float32Array) => {
    log.push(`encode ${value}`);
    await new Promise<void>((resolve) => waiting.push(resolve));
    return value!;
  };
  return { log, tile, encode, letGo: () => waiting.shift()!() };
}

test('the next tile is made while one is encoded, and no further', async () => {
  const { log, tile, encode, letGo } = workshop();
  const rows = encodeTiles([tile(1), tile(2), tile(3)], encode);
  const first = rows.next();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(log).toEqual(['make 1', 'encode 1', 'make 2']);
  letGo();
  expect(await first).toEqual({ value: 1, done: false });
  const second = rows.next();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(log).toEqual(['make 1', 'encode 1', 'make 2', 'encode 2', 'make 3']);
  letGo();
  expect((await second).value).toBe(2);
});

test('a tile that fails is heard of in its turn', async () => {
  const encode = async ([value]: Float32Array) => {
    if (value === 2) throw new Error('no room');
    return value!;
  };
  const found: number[] = [];
  const all = async () => {
    const tiles = [1, 2, 3].map((value) => () => pixels(value));
    for await (const rows of encodeTiles(tiles, encode)) found.push(rows);
  };
  await expect(all()).rejects.toThrow('no room');
  expect(found).toEqual([1]);
});

import { attention, CacheMemoryError, type KvFormat, trace } from '@lingbi/core';
import { noiseWeights, randomFloats } from '@lingbi/core/testing';
import { describe, expect, test } from 'vitest';
import { onnx } from './backend.ts';
import { deviceStore } from './kv-store.ts';
import type { Runtime } from './library.ts';
import type { NativeValue } from './values.ts';

const MiB = 2 ** 20;
const [heads, headDim, layers] = [4, 64, 6];
const angles = { shape: ['tokens', headDim / 2], dtype: 'float32' } as const;
const graph = trace(
  'attend',
  { qkv: { shape: ['tokens', 3 * heads * headDim], dtype: 'float32' }, cos: angles, sin: angles },
  ({ qkv, cos, sin }) =>
    Object.fromEntries(
      Array.from({ length: layers }, (_, layer) => {
        const cache = { layer, kvHeads: heads, headDim };
        return [`y${layer}`, attention(qkv, { cos, sin }, { heads, cache })];
      }),
    ),
);

/** Of keys and values in all layers. */
const positionBytes = (kv: KvFormat) =>
  layers * 2 * heads * (kv === 'int8' ? headDim + 4 : headDim * 4);

const open = () => onnx({ threads: 1 }).compile({ attend: graph }, noiseWeights([]));
const arrays = () => process.memoryUsage().arrayBuffers;

describe.each(['float32', 'int8'] as const)('a cache in %s', (kv) => {
  test('that grows gives back what it had, and all when it is disposed, without waiting for the garbage collector', async () => {
    await using program = await open();
    const before = arrays();
    const cache = program.createCache({ kv, capacity: 4096 });
    await cache.grow({ capacity: 8192 });
    expect(arrays() - before).toBeLessThan(8192 * positionBytes(kv) + MiB);
    cache[Symbol.dispose]();
    const run = { qkv: randomFloats('x', [1, 3 * heads * headDim]) };
    const table = { cos: randomFloats('cos', [1, 32]), sin: randomFloats('sin', [1, 32]) };
    using other = program.createCache({ kv, capacity: 8 });
    const outputs = await program.run('attend', { ...run, ...table }, { cache: other });
    for (const output of Object.values(outputs)) output[Symbol.dispose]();
    expect(arrays() - before).toBeLessThan(MiB);
  });

  test('that finds no memory to grow is as it was', async () => {
    await using program = await open();
    using cache = program.createCache({ kv, capacity: 8, slots: 2 ** 14 });
    const growing = cache.grow({ capacity: 100_000 });
    await expect(growing).rejects.toThrow(CacheMemoryError);
    await expect(growing).rejects.toMatchObject({ capacity: 100_000, slots: 2 ** 14 });
    expect(cache.capacity).toBe(8);
  });
});

test('a cache on a device that finds no memory to grow goes on with the buffers that it has', async () => {
  let left = Infinity;
  const api = {
    create: () => {
      if (left-- <= 0) throw new Error('out of device memory');
      return 1n;
    },
    release: () => {},
  };
  const copied: (number | undefined)[][] = [];
  const memory = {
    ...{ allocator: 0n, join: async () => {}, [Symbol.dispose]() {} },
    copy: async (from: NativeValue, to: NativeValue) => {
      copied.push([from.shape[2], to.shape[2]]);
    },
  };
  const layer = { layer: 0, kvHeads: 2, headDim: 16 };
  const size = { layers: [layer], capacity: 8, slots: 2 };
  const store = deviceStore({ api } as unknown as Runtime, memory, size);
  for (const part of ['keys', 'values'] as const) store.view(layer, part, 0, 1);
  left = 3; // the keys find room, the values do not
  await expect(store.grow(16, () => 8)).rejects.toThrow(CacheMemoryError);
  left = Infinity;
  await store.copy(0, 1, 8);
  expect(copied).toEqual([
    [16, 16],
    [8, 8],
  ]);
  await store.grow(16, () => 8);
  expect(store.view(layer, 'values', 1, 1).shape[2]).toBe(16);
});

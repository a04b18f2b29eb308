import {
  CacheMemoryError,
  embed,
  linear,
  type Shape,
  trace,
  type WeightSource,
} from '@lingbi/core';
import { noiseWeights } from '@lingbi/core/testing';
import { expect, test } from 'vitest';
import { decode, longDecoder, textRows } from '../test-files/small-model.ts';
import { tfjs } from '../tfjs.ts';
import { checkLimits } from './check-limits.ts';
import { weightBytes } from './weight-bytes.ts';

function linearGraph(name: string, out: number, width: number, rows: Shape[0] = 'rows') {
  return trace(name, { x: { shape: [rows, width], dtype: 'float32' } }, ({ x }) => ({
    y: linear(x, { name: `${name}.w`, shape: [out, width] }),
  }));
}

const GiB = 2 ** 30;

test('wasm refuses weights that would abort the process, before a byte is read', async () => {
  const graphs = { big: linearGraph('big', 2 ** 15, 2 ** 14) };
  const unread: WeightSource = {
    has: () => true,
    describe: () => ({ shape: [2 ** 15, 2 ** 14], encoding: { kind: 'dense', dtype: 'float32' } }),
    read: () => Promise.reject(new Error('was read')),
  };
  const compiled = tfjs({ engine: 'wasm' }).compile(graphs, unread);
  await expect(compiled).rejects.toThrow('need 4.0 GiB on the TensorFlow.js engine "wasm"');
  await expect(compiled).rejects.toMatchObject({ name: 'EngineMemoryError', needed: 4 * GiB });
});

test('wasm refuses a cache that would abort the process once it is full, and goes on with the one it had', async () => {
  const decoder = longDecoder();
  const weights = noiseWeights(decoder.weights);
  const wasm = tfjs({ engine: 'wasm' });
  await using program = await wasm.compile({ decode: decoder }, weights);
  expect(() => program.createCache({ capacity: 2 ** 27 })).toThrow(CacheMemoryError);
  using cache = program.createCache({ capacity: 8 });
  await decode(program, textRows('a', 0, 5), { cache });
  await expect(cache.grow({ capacity: 2 ** 27 })).rejects.toThrow(
    /^A cache of 134217728 tokens in 1 slots cannot be had: with it the TensorFlow.js engine "wasm"/,
  );
  expect([cache.capacity, cache.length()]).toEqual([8, 5]);
  await decode(program, textRows('a', 5, 8), { cache });
  using _rounded = program.createCache({ capacity: 2 ** 27, kv: 'int8' });
});

test('weights of lazy graphs do not count when a model is compiled', () => {
  const big = linearGraph('big', 2 ** 15, 2 ** 14);
  expect(() => checkLimits('wasm', [big], [])).not.toThrow();
  expect(() => checkLimits('wasm', [big], [big])).toThrow('need 4.0 GiB');
});

test('webgpu refuses a weight or a result beyond its buffers', () => {
  const fits = linearGraph('fits', 2 ** 13, 2 ** 12);
  expect(() => checkLimits('webgpu', [fits], [fits])).not.toThrow();
  const heavy = linearGraph('heavy', 2 ** 13, 2 ** 12 + 1);
  expect(() => checkLimits('webgpu', [heavy], [])).toThrow('heavy.w takes 128.0 MiB');
  const wide = linearGraph('wide', 2 ** 10, 4, 2 ** 16);
  expect(() => checkLimits('webgpu', [wide], [])).toThrow('The result of linear in wide');
});

test('what graphs share counts once, and each format takes what it takes', () => {
  const shared = linearGraph('shared', 256, 512);
  const bytes = (format: 'float32' | 'bfloat16' | 'int8' | 'int4') =>
    weightBytes([shared, shared], 'tensorflow', format);
  expect(bytes('float32')).toBe(256 * 512 * 4);
  expect(bytes('bfloat16')).toBe(256 * 512 * 2);
  expect(bytes('int8')).toBe(256 * 512 + 256 * 4);
  expect(bytes('int4')).toBe(256 * 256 + 256 * 4 * 4);
});

test('a table of embeddings is kept as bfloat16 where matrices are smaller', () => {
  const table = trace('embed', { ids: { shape: ['tokens'], dtype: 'int32' } }, ({ ids }) => ({
    rows: embed(ids, { name: 'table', shape: [92544, 4096] }),
  }));
  expect(weightBytes([table], 'tensorflow', 'int8')).toBe(92544 * 4096 * 2);
  expect(weightBytes([table], 'wasm', 'float32')).toBe(2 * 92544 * 4096 * 4);
});

/** What is kept from one run to the next: nobody but the clock may notice. */
import {
  add,
  attention,
  type DeviceTensor,
  type HostTensor,
  type KvCache,
  linear,
  type Program,
  rmsNorm,
  trace,
} from '@lingbi/core';
import { expectClose, noiseWeights, randomFloats } from '@lingbi/core/testing';
import { describe, expect, test, vi } from 'vitest';
import { OnnxApi } from './api.ts';
import { onnx } from './backend.ts';

const backend = onnx({ threads: 1 });

const width = 256;
const w = { name: 'w', shape: [width, width] } as const;
const norm = { name: 'norm', shape: [width] } as const;
const x = { shape: ['rows', width], dtype: 'float32' } as const;
const product = trace('product', { x }, ({ x }) => ({ y: linear(x, w) }));
const long = trace('long', { x }, ({ x }) => {
  let y = x;
  for (let i = 0; i < 200; i++) y = rmsNorm(linear(y, w), norm, 1e-5);
  return { y: add(y, x) }; // which is read to the end
});
const weights = noiseWeights([w, norm]);
const rows = (seed: string, count = 1): HostTensor => randomFloats(seed, [count, width], 1e-2);

async function run(program: Program, input: HostTensor | DeviceTensor, graph = 'product') {
  return (await program.run(graph, { x: input })).y!;
}

async function numbersOf(result: DeviceTensor) {
  using held = result;
  return (await held.read()).data;
}

/** Enough to tell results of many rows apart, and to show how they differ. */
async function lastNumbersOf(result: DeviceTensor) {
  return (await numbersOf(result)).slice(-8);
}

describe('a result', () => {
  test('stays as it is until it is disposed, whatever runs meanwhile', async () => {
    await using program = await backend.compile({ product }, weights);
    const wanted = await numbersOf(await run(program, rows('a')));
    const first = await run(program, rows('a'));
    for (const seed of ['b', 'c', 'd']) await numbersOf(await run(program, rows(seed)));
    expect(await numbersOf(first)).toEqual(wanted);
  });

  test('read before it was disposed stays as it is afterwards', async () => {
    await using program = await backend.compile({ product }, weights);
    const first = await numbersOf(await run(program, rows('a')));
    const kept = first.slice();
    await numbersOf(await run(program, rows('b')));
    expect(first).toEqual(kept);
  });

  test('disposed while another program reads it is not written over', async () => {
    await using one = await backend.compile({ product }, weights);
    await using other = await backend.compile({ long }, weights);
    const many = rows('a', 1000);
    const wanted = await lastNumbersOf(await run(other, await run(one, many), 'long'));
    const given = await run(one, many);
    const reading = run(other, given, 'long');
    await new Promise(setImmediate);
    given[Symbol.dispose]();
    await numbersOf(await run(one, rows('b', 1000)));
    expect(await lastNumbersOf(await reading)).toEqual(wanted);
  });

  test('has the shape and numbers of its run, however many rows came before', async () => {
    await using program = await backend.compile({ product }, weights);
    const all = rows('a', 4);
    const whole = await numbersOf(await run(program, all));
    for (const count of [1, 3, 1, 0, 2, 4, 1]) {
      const few = (data: HostTensor['data']) => {
        return { ...all, shape: [count, width], data: data.slice(0, count * width) };
      };
      using result = await run(program, few(all.data));
      expectClose(await result.read(), few(whole), 1e-5, `${count} rows`);
    }
  });
});

test('a run that was stopped leaves the next one of its graph alone', async () => {
  await using program = await backend.compile({ long }, weights);
  const given = rows('a', 1000);
  const wanted = await lastNumbersOf(await run(program, given, 'long'));
  const stopping = AbortSignal.timeout(3);
  const stopped = program.run('long', { x: given }, { signal: stopping });
  await expect(stopped).rejects.toThrow('timeout');
  expect(await lastNumbersOf(await run(program, given, 'long'))).toEqual(wanted);
});

describe('attention', () => {
  const [heads, kvHeads, headDim] = [4, 2, 16];
  const features = (heads + 2 * kvHeads) * headDim;
  const angle = { shape: ['tokens', headDim / 2], dtype: 'float32' } as const;
  const qkv = { shape: ['tokens', features], dtype: 'float32' } as const;
  const attend = trace('attend', { qkv, cos: angle, sin: angle }, ({ qkv, cos, sin }) => ({
    y: attention(qkv, { cos, sin }, { heads, cache: { layer: 0, kvHeads, headDim } }),
  }));
  const open = () => backend.compile({ attend }, noiseWeights([]));

  /** One more token in a slot; which one depends on its place alone. */
  async function step(program: Program, cache: KvCache, slot = 0) {
    const at = cache.length(slot);
    const inputs = {
      qkv: randomFloats(`qkv ${at}`, [1, features]),
      cos: randomFloats(`cos ${at}`, [1, headDim / 2]),
      sin: randomFloats(`sin ${at}`, [1, headDim / 2]),
    };
    const segments = [{ slot, tokens: 1 }];
    return await numbersOf((await program.run('attend', inputs, { cache, segments })).y!);
  }

  test('binds and makes nothing anew from step to step', async () => {
    await using program = await open();
    using cache = program.createCache({ capacity: 8 });
    await step(program, cache);
    await step(program, cache);
    const calls = vi.spyOn(OnnxApi.prototype, 'call');
    const releases = vi.spyOn(OnnxApi.prototype, 'release');
    await step(program, cache);
    expect([calls.mock.calls, releases.mock.calls]).toEqual([[], []]);
    vi.restoreAllMocks();
  });

  test('goes on in other caches, other slots, and one that grew', async () => {
    await using program = await open();
    using alone = program.createCache({ capacity: 32 });
    const wanted: unknown[] = [];
    for (let i = 0; i < 6; i++) wanted.push(await step(program, alone));
    using small = program.createCache({ capacity: 4, slots: 2 });
    const large = program.createCache({ capacity: 16, slots: 2 });
    for (const at of [0, 1]) {
      for (const cache of [small, large]) {
        for (const slot of [1, 0]) expect(await step(program, cache, slot)).toEqual(wanted[at]);
      }
    }
    await small.grow({ capacity: 8 });
    large[Symbol.dispose]();
    for (const at of [2, 3, 4, 5]) {
      for (const slot of [1, 0]) expect(await step(program, small, slot)).toEqual(wanted[at]);
    }
  });
});

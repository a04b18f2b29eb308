import {
  attention,
  type Encoding,
  linear,
  type OpName,
  partsOf,
  trace,
  type WeightUse,
} from '@lingbi/core';
import { describe, expect, test } from 'vitest';
import { missingKernels } from './kernels.ts';
import { memoryModel } from './memory-model.ts';
import { type OnnxOptions, settle } from './options.ts';
import { attentionGraph } from './test-tools/attended-text.ts';

const shape = [1024, 512];
const wide = 4 * 1024 * 512;
const blocks: Encoding = { kind: 'blocks', bits: 4, blockSize: 128, zeroPoints: true };
const unknownBlocks: Encoding = { ...blocks, blockSize: 16 };
const channels: Encoding = { kind: 'channels' };
const float16: Encoding = { kind: 'dense', dtype: 'float16' };
const range = { file: 'weights', offset: 0, length: 0 };

function memoryOf(
  encoding: Encoding,
  company: readonly Encoding[],
  options: OnnxOptions = {},
  op: OpName = 'linear',
) {
  const use: WeightUse = {
    weight: { name: 'w', shape },
    description: { shape, encoding, at: { values: range } },
    readers: new Set([op]),
    company: new Set(company.map((each) => ({ shape, encoding: each }))),
  };
  return memoryModel(settle(options)).weight(use);
}

describe.skipIf(process.platform === 'win32')('a weight of ONNX Runtime', () => {
  const lengths = [...partsOf(shape, blocks).values()].map(({ length }) => length);
  const [values, scales, zeros] = lengths as [number, number, number];

  const theirs = { kernels: 'onnxruntime' } as const;

  test('in blocks is packed with a sum beside each scale, while its file is read', () => {
    const memory = memoryOf(blocks, [blocks], theirs);
    expect(memory).toMatchObject({ kept: values + 2 * scales, mapped: 0 });
    expect(memory.compiling).toBe(values + scales + zeros);
  });

  test('in blocks that are multiplied in float32 is packed without its scales', () => {
    const memory = memoryOf(blocks, [blocks], { accuracyLevel: 1 });
    expect(memory).toMatchObject({ kept: values, mapped: scales + zeros, compiling: values });
  });

  test('in blocks with scales in float16 keeps these as float32, which it reads and does not map', () => {
    const half: Encoding = { ...blocks, scales: 'float16' };
    const memory = memoryOf(half, [half], theirs);
    expect(memory).toMatchObject({ kept: values + 3 * scales, mapped: 0, passing: scales / 2 });
    expect(memory.compiling).toBe(values + zeros);
    expect(memoryOf(blocks, [blocks], theirs).passing).toBe(0);
    const exact = memoryOf(half, [half], { accuracyLevel: 1 });
    expect(exact).toMatchObject({ kept: values + scales, mapped: zeros, compiling: values });
  });

  test('that is dense becomes float32, and is packed as well where others are encoded', () => {
    expect(memoryOf(float16, [float16]).kept).toBe(wide);
    expect(memoryOf(float16, [float16, blocks], theirs).kept).toBe(2 * wide);
    expect(memoryOf(float16, [float16], { prepack: true }).kept).toBe(2 * wide);
    expect(memoryOf(float16, [float16, channels]).kept).toBe(2 * wide);
    expect(memoryOf(float16, [float16, channels], { accuracyLevel: 1 }).kept).toBe(wide);
  });

  test('that is dense float32 stays in its file, but for the packed copy', () => {
    const float32: Encoding = { kind: 'dense', dtype: 'float32' };
    expect(memoryOf(float32, [float32])).toMatchObject({ kept: 0, mapped: wide });
    expect(memoryOf(float32, [float32, blocks], theirs)).toMatchObject({
      kept: wide,
      mapped: wide,
    });
  });

  describe.skipIf(missingKernels())('that kernels of ours multiply', () => {
    test('is held by the process, into whose memory it moves, and packs nothing beside it', () => {
      const stored = values + scales + zeros;
      const moved = { kept: stored, mapped: 0, compiling: 0, passing: 0 };
      expect(memoryOf(blocks, [blocks])).toMatchObject(moved);
      const stays = { kept: 0, mapped: stored, compiling: 0, passing: 0 };
      expect(memoryOf(blocks, [blocks], { largePages: 'never' })).toMatchObject(stays);
      expect(memoryOf(float16, [float16, blocks]).kept).toBe(wide);
      expect(memoryOf(float16, [float16, blocks, channels]).kept).toBe(2 * wide);
    });

    test('has scales in float16 as they are', () => {
      const half: Encoding = { ...blocks, scales: 'float16' };
      const stored = values + scales / 2 + zeros;
      expect(memoryOf(half, [half])).toMatchObject({ kept: stored, mapped: 0, compiling: 0 });
    });

    test('is kept where no file has it', () => {
      const model = memoryModel(settle({}));
      const use = { weight: { name: 'w', shape }, readers: new Set(['linear'] as const) };
      const description = { shape, encoding: blocks };
      const memory = model.weight({ ...use, description, company: new Set([description]) });
      expect(memory).toMatchObject({ kept: values + scales + zeros, mapped: 0 });
    });

    test('has blocks that they know; others are packed', () => {
      const parts = [...partsOf(shape, unknownBlocks).values()].map(({ length }) => length);
      const [own, of] = parts as [number, number];
      expect(memoryOf(unknownBlocks, [unknownBlocks])).toMatchObject({
        ...{ kept: own + 2 * of, mapped: 0 },
      });
      expect(memoryOf(float16, [float16, blocks, unknownBlocks]).kept).toBe(2 * wide);
    });
  });

  test('that only rows are looked up in takes nothing', () => {
    expect(memoryOf(float16, [float16], {}, 'embed')).toMatchObject({ kept: 0, mapped: 0 });
  });
});

test('beams, and keys and values in int8, compile graphs that opening did not', () => {
  const { compilesLate } = memoryModel(settle({}));
  const size = { tokens: 1, sequences: 3, branches: 0, capacity: 8, kv: 'float32' } as const;
  expect(compilesLate(size)).toBe(false);
  expect(compilesLate({ ...size, branches: 3 })).toBe(true);
  expect(compilesLate({ ...size, kv: 'int8' })).toBe(true);
  expect(compilesLate({ ...size, kv: 'float16' })).toBe(false);
});

test.skipIf(missingKernels())(
  'keys and values in float16 are for heads and kernels that know them',
  () => {
    const graphOf = (headDim: number) => attentionGraph({ heads: 4, kvHeads: 2, headDim });
    const keeps = (headDim: number, options: OnnxOptions = {}) =>
      memoryModel(settle(options)).keepsHalves!(graphOf(headDim));
    expect(keeps(64)).toBe(true);
    expect([keeps(24), keeps(272)]).toEqual([false, false]);
    expect(keeps(64, { kernels: 'onnxruntime' })).toBe(false);
    expect(keeps(64, { provider: 'cuda' })).toBe(false);
  },
);

test('a run has room for turned queries, and for rows rounded to int8', () => {
  const { work } = memoryModel(settle({}));
  const size = { tokens: 500, sequences: 1, branches: 0, capacity: 512, kv: 'float32' } as const;
  const rows = 4 * 500 * 1024;
  const x = { shape: ['tokens', 1024], dtype: 'float32' } as const;
  const small = { name: 'small', shape: [8, 1024] } as const;
  const product = trace('product', { x }, ({ x }) => ({ y: linear(x, small) }));
  expect(work(product, size)).toBe(rows + 4 * 500 * 8 + rows / 4);
  const angles = { shape: ['tokens', 32], dtype: 'float32' } as const;
  const cache = { layer: 0, kvHeads: 4, headDim: 64 };
  const attend = trace('attend', { x, cos: angles, sin: angles }, ({ x, cos, sin }) => ({
    y: attention(x, { cos, sin }, { heads: 8, cache }),
  }));
  const [inputs, attended] = [rows + 2 * 4 * 500 * 32, 4 * 500 * 8 * 64];
  expect(work(attend, size)).toBe(3 * (inputs + attended + rows)); // of the rows, queries are half
});

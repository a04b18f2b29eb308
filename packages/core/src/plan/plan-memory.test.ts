import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import type { KvFormat } from '../backend/backend.ts';
import { UnsupportedError } from '../backend/errors.ts';
import { liveBytes } from '../backend/live-bytes.ts';
import type { MemoryModel } from '../backend/memory-model.ts';
import { plainMemory } from '../backend/plain-memory.ts';
import { trace } from '../graph/trace.ts';
import { compileXComposer } from '../models/xcomposer/compile-model.ts';
import { add, linear, reshape } from '../ops/index.ts';
import { referenceBackend } from '../reference/reference-backend.ts';
import { openCheckpoint } from '../weights/open-checkpoint.ts';
import { describeModel, type PlannedModel } from './describe-model.ts';
import { largestThatFits } from './largest-that-fits.ts';
import { kvAdvice, type PromptPart, planMemory } from './plan-memory.ts';

const folder = fileURLToPath(new URL('../../../../fixtures/ixc25-micro', import.meta.url));
const config = JSON.parse(readFileSync(`${folder}/config.json`, 'utf8'));

const oneTile: PromptPart = { type: 'image', grid: { rows: 1, columns: 1 } };
const text: PromptPart = { type: 'text', tokens: 59 };
/** Keys and values of 3 layers with 2 heads of 16 features, in float32. */
const POSITION = 3 * 2 * 2 * 16 * 4;

/** The table of embeddings alone would hide what a small request takes while it is being loaded. */
const onlyKept: MemoryModel['weight'] = (use) => ({ ...plainMemory.weight(use), passing: 0 });

let model: PlannedModel;
beforeAll(async () => {
  await using checkpoint = await openCheckpoint(folder);
  const unread = {
    ...checkpoint,
    names: checkpoint.names,
    read: () => Promise.reject(new Error('was read')),
  };
  const described = await describeModel({ backend: referenceBackend, checkpoint: unread, config });
  model = { ...described, memory: { ...described.memory, weight: onlyKept } };
});

test('describeModel() refuses a cache in float16 that the backend cannot have, before a byte is read', async () => {
  await using checkpoint = await openCheckpoint(folder);
  const describing = describeModel({
    backend: referenceBackend,
    checkpoint,
    config,
    kv: 'float16',
  });
  await expect(describing).rejects.toThrow(UnsupportedError);
  await expect(describing).rejects.toThrow('The reference backend cannot keep keys and values');
});

describe('planMemory()', () => {
  test('counts the positions of each part, and keys and values of all of them', () => {
    const plan = planMemory(model, { prompt: [oneTile, text], maxNewTokens: 100 });
    expect(plan.segments.map(({ tokens }) => tokens)).toEqual([841, 59]);
    expect(plan).toMatchObject({ promptTokens: 900, positions: 1000 });
    expect(plan.bytes.cache).toBe(1000 * POSITION);
    expect(plan.bytes.moving).toBe((1000 * POSITION) / 3);
    expect(plan.bytes.imageRows).toBe(841 * 64 * 4);
  });

  test('other sequences and slots add up', () => {
    const request = { prompt: [text], maxNewTokens: 1 };
    expect(planMemory(model, { ...request, slots: 4 }).positions).toBe(240);
    expect(planMemory(model, { ...request, heldPositions: 1000 }).positions).toBe(1060);
  });

  test('encoded pictures of others count as far as they are kept, beside the one being read', () => {
    const rows = 841 * 64 * 4;
    const share = (heldImageRows: number) =>
      planMemory({ ...model, imageCacheBytes: 3 * rows }, { prompt: [oneTile], heldImageRows })
        .bytes.imageRows;
    expect([0, rows, 9 * rows].map(share)).toEqual([rows, 2 * rows, 4 * rows]);
  });

  test('an adapter with separators of its own reads a copy of each picture', () => {
    const copying = { ...model, copyingAdapters: new Set(['web']) };
    const rows = (adapter: string) =>
      planMemory(copying, { prompt: [oneTile, oneTile], adapter }).bytes.imageRows;
    expect(rows('web') - rows('base')).toBe(841 * 64 * 4);
  });

  test('beams hold a past of their own only where a backend cannot share one', () => {
    const request = { prompt: [text], maxNewTokens: 10, beams: 3 };
    const positions = (sharesPasts: boolean) =>
      planMemory({ ...model, memory: { ...model.memory, sharesPasts } }, request).positions;
    expect(positions(true)).toBe(59 + 4 * 10);
    expect(positions(false)).toBe(4 * (59 + 10));
  });

  test('the weights of an adapter count when it is asked for', () => {
    const base = planMemory(model, { prompt: [text] }).bytes.weights;
    const write = planMemory(model, { prompt: [text], adapter: 'write' }).bytes.weights;
    const names = model.graphs['decodeText.write'].weights.filter(({ name }) =>
      /sft|dpo/.test(name),
    );
    const added = names.reduce((sum, { shape }) => sum + 4 * shape[0]! * shape[1]!, 0);
    expect(added).toBeGreaterThan(0);
    expect(write - base).toBe(added);
  });

  test('the tower works only for pictures', () => {
    expect(planMemory(model, { prompt: [text] }).bytes.vision).toBe(0);
    expect(planMemory(model, { prompt: [oneTile, text] }).bytes.vision).toBeGreaterThan(2 ** 20);
  });

  test('work that sessions keep adds up, work that is given back does not', () => {
    const peak = (keepsWork: boolean) => {
      const memory: MemoryModel = { ...model.memory, keepsWork };
      return planMemory({ ...model, memory }, { prompt: [oneTile, text] });
    };
    const { bytes } = peak(true);
    expect(peak(true).peak - peak(false).peak).toBeGreaterThan(
      Math.min(bytes.vision, bytes.decoder) / 2,
    );
  });

  test('a copy that the first use of a weight makes counts when a request uses it', () => {
    const weight: MemoryModel['weight'] = (use) => ({ ...onlyKept(use), onUse: 1000 });
    const lazy = { ...model, memory: { ...model.memory, weight } };
    const added = (prompt: PromptPart[]) =>
      planMemory(lazy, { prompt }).bytes.weights - planMemory(model, { prompt }).bytes.weights;
    const { 'decodeText.base': decoder, vision } = model.graphs;
    expect(added([])).toBe(0);
    expect(added([text])).toBe(1000 * decoder.weights.length);
    expect(added([text, oneTile])).toBeGreaterThan(1000 * vision.weights.length);
  });

  test('what a graph is compiled with counts again where a request compiles it anew', () => {
    const weight: MemoryModel['weight'] = (use) => ({ ...onlyKept(use), compiling: 10 });
    const compilesLate: MemoryModel['compilesLate'] = ({ branches }) => branches > 0;
    const plan = (beams: number, late = compilesLate) => {
      const memory = { ...model.memory, weight, compilesLate: late };
      return planMemory({ ...model, memory }, { prompt: [text], maxNewTokens: 1, beams });
    };
    const compiled = 10 * model.graphs['decodeText.base'].weights.length;
    expect(plan(1).bytes.compiling).toBe(0);
    expect(plan(3).bytes.compiling).toBe(compiled);
    expect(plan(3).peak - plan(3, () => false).peak).toBe(compiled);
  });

  test('a backend learns how what stands beside a weight is stored', () => {
    const seen = new Set<string>();
    const weight: MemoryModel['weight'] = (use) => {
      const kinds = new Set([...use.company].map(({ encoding }) => encoding.kind));
      seen.add(`${use.weight.name === 'tower.patches'}: ${[...kinds].sort()}`);
      return onlyKept(use);
    };
    const weights: PlannedModel['weights'] = {
      describe(name) {
        const described = model.weights.describe(name);
        const isHead = name === 'head';
        return isHead ? { ...described, encoding: { kind: 'channels' } } : described;
      },
    };
    planMemory({ ...model, weights, memory: { ...model.memory, weight } });
    expect([...seen]).toContain('true: dense');
    expect([...seen]).toContain('false: channels,dense');
  });

  test('float16 is advised before int8, where it is enough and the backend can', () => {
    const prompt: PromptPart[] = [{ type: 'text', tokens: 10_000 }];
    const sizes = { float32: 4000, float16: 2000, int8: 1000 };
    const position: MemoryModel['position'] = (_, kv) => sizes[kv];
    const halves = { ...model.memory, position, keepsHalves: () => true };
    const wide = { ...model, memory: halves };
    const peak = (kv: KvFormat) => planMemory({ ...wide, kv }, { prompt }).peak;
    const advice = (planned: PlannedModel, budget: number) =>
      kvAdvice(planned, (each) => planMemory(each, { prompt }).peak <= budget);
    expect(advice(wide, peak('float16'))).toEqual([{ setting: 'kv', value: 'float16' }]);
    expect(advice(wide, peak('float16') - 1)).toEqual([{ setting: 'kv', value: 'int8' }]);
    const without = { ...wide, memory: { ...halves, keepsHalves: () => false } };
    expect(advice(without, peak('float16'))).toEqual([{ setting: 'kv', value: 'int8' }]);
    const chosen = { ...wide, kv: 'float16' } as const;
    expect(advice(chosen, peak('int8'))).toEqual([{ setting: 'kv', value: 'int8' }]);
  });

  test('int8 is advised where it is enough, not chosen yet, and can be', () => {
    const prompt: PromptPart[] = [{ type: 'text', tokens: 10_000 }];
    const position: MemoryModel['position'] = (_, kv) => (kv === 'int8' ? 1 : 4000);
    const wide = { ...model, memory: { ...model.memory, position } };
    const advice = (planned: PlannedModel, budget: number) =>
      kvAdvice(planned, (each) => planMemory(each, { prompt }).peak <= budget);
    const budget = planMemory({ ...wide, kv: 'int8' }, { prompt }).peak;
    expect(advice(wide, budget)).toEqual([{ setting: 'kv', value: 'int8' }]);
    expect(advice(wide, budget - 1)).toEqual([]);
    expect(advice({ ...wide, kv: 'int8' }, budget)).toEqual([]);
    const device = { ...wide, memory: { ...wide.memory, place: 'device' } as const };
    expect(advice(device, budget)).toEqual([]);
  });

  test('more of anything takes more', () => {
    const least = planMemory(model, { prompt: [text], maxNewTokens: 1 }).peak;
    for (const more of [
      { maxNewTokens: 500 },
      { beams: 3 },
      { slots: 2 },
      { prompt: [text, oneTile] },
    ]) {
      expect(planMemory(model, { prompt: [text], maxNewTokens: 1, ...more }).peak).toBeGreaterThan(
        least,
      );
    }
  });

  test('a budget that has no room for the weights is refused before one is read', async () => {
    const checkpoint = await openCheckpoint(folder);
    const seen: number[] = [];
    const opening = compileXComposer({
      ...{ backend: referenceBackend, checkpoint, config, memoryBudget: 64 * 2 ** 20 },
      onProgress: () => seen.push(1),
    });
    await expect(opening).rejects.toThrow(
      /^Opening this model needs \d+ MiB \(.*weights.*\), but may take 64 MiB\. Set memoryBudget to at least \d+ MiB/,
    );
    expect(seen).toEqual([]);
  });

  test('a backend that does not say how it uses memory cannot keep a budget', async () => {
    const { compile, name } = referenceBackend;
    const checkpoint = await openCheckpoint(folder);
    const opening = compileXComposer({
      backend: { name, compile },
      checkpoint,
      config,
      memoryBudget: 1e12,
    });
    await expect(opening).rejects.toThrow(
      'does not say how it uses memory: implement its memory()',
    );
  });
});

describe('liveBytes()', () => {
  const w = { name: 'w', shape: [4, 4] };
  const size = { tokens: 3, sequences: 1, branches: 0, capacity: 0, kv: 'float32' } as const;
  const row = 3 * 4 * 4; // bytes of [3, 4] in float32

  test('values die after their last use', () => {
    const chain = trace('chain', { x: { shape: ['tokens', 4], dtype: 'float32' } }, ({ x }) => ({
      y: linear(linear(linear(x, w), w), w),
    }));
    expect(liveBytes(chain, size)).toBe(2 * row);
  });

  test('what is written over its operand takes nothing, unless the operand is needed again', () => {
    const graph = trace('sum', { x: { shape: ['tokens', 4], dtype: 'float32' } }, ({ x }) => ({
      y: reshape(add(x, linear(x, w)), ['tokens', 2, 2]),
    }));
    expect(liveBytes(graph, size)).toBe(3 * row);
    expect(liveBytes(graph, size, { inPlace: new Set(['add', 'reshape']) })).toBe(2 * row);
  });

  test('workspace counts while its operation is at work', () => {
    const graph = trace('one', { x: { shape: ['tokens', 4], dtype: 'float32' } }, ({ x }) => ({
      y: linear(x, w),
    }));
    expect(liveBytes(graph, size, { workspace: () => 1000 })).toBe(2 * row + 1000);
  });
});

test('largestThatFits() finds the border, and 0 when there is none', () => {
  for (const border of [0, 1, 7, 99, 100]) {
    expect(largestThatFits(100, (value) => value <= border)).toBe(border);
  }
});

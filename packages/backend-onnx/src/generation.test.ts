/** However a sequence comes to be, a real model continues it the same way. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  type AdapterName,
  compileXComposer,
  finishPrefill,
  type GenerateOptions,
  type GenerationEvent,
  generate,
  openCheckpoint,
  type Prompt,
  type XComposer,
} from '@lingbi/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { onnx } from './index.ts';

const folder = fileURLToPath(new URL('../../../fixtures/ixc25-micro/', import.meta.url));
const prompt = (ids: readonly number[]): Prompt => [{ type: 'text', ids: Int32Array.from(ids) }];
const ids = fc.array(fc.integer({ min: 3, max: 500 }), { minLength: 2, maxLength: 40 });
const runs = { numRuns: 12 };

let model: XComposer;
beforeAll(async () => {
  const config = JSON.parse(readFileSync(`${folder}config.json`, 'utf8'));
  const checkpoint = await openCheckpoint(folder);
  model = await compileXComposer({ backend: onnx({ threads: 1 }), checkpoint, config });
}, 60_000);
afterAll(async () => model[Symbol.asyncDispose]());

async function tokensOf(events: AsyncIterable<GenerationEvent>): Promise<number[]> {
  const tokens: number[] = [];
  for await (const event of events) if (event.type === 'token') tokens.push(event.token);
  return tokens;
}

async function alone(
  asked: readonly number[],
  options: GenerateOptions,
  adapter: AdapterName = 'base',
): Promise<number[]> {
  using sequence = model.openSequence({ capacity: 80, slots: 3, adapter });
  return await tokensOf(generate(sequence, prompt(asked), options));
}

function expectNear(found: Float32Array, wanted: Float32Array): void {
  const largest = Math.max(...wanted.map(Math.abs));
  const error = Math.max(...found.map((value, i) => Math.abs(value - wanted[i]!)));
  expect(error / largest).toBeLessThan(1e-4);
}

describe('the same logits', () => {
  const fresh = async (asked: readonly number[]) => {
    using sequence = model.openSequence({ capacity: 80 });
    return await finishPrefill(sequence.prefill(prompt(asked)));
  };

  test('whether a prompt is read at once or grows', async () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 39 }), { maxLength: 3 });
    const property = fc.asyncProperty(ids, cuts, async (asked, lengths) => {
      using sequence = model.openSequence({ capacity: 80 });
      const ends = lengths.filter((length) => length < asked.length).sort((a, b) => a - b);
      for (const end of ends) await finishPrefill(sequence.prefill(prompt(asked.slice(0, end))));
      const found = await finishPrefill(sequence.prefill(prompt(asked)));
      expectNear(found, await fresh(asked));
    });
    await fc.assert(property, runs);
  }, 120_000);

  test('whether the past was cut or never there', async () => {
    const property = fc.asyncProperty(ids, ids, async (asked, other) => {
      using sequence = model.openSequence({ capacity: 80 });
      await finishPrefill(sequence.prefill(prompt(asked)));
      const kept = asked.length >> 1;
      sequence.truncate(kept);
      let found: Float32Array | undefined;
      for (const token of other.slice(0, 5)) found = await sequence.feed(token);
      expectNear(found!, await fresh([...asked.slice(0, kept), ...other.slice(0, 5)]));
    });
    await fc.assert(property, runs);
  }, 120_000);
});

describe('the same tokens', () => {
  const stopTokens = new Set([2]);
  const asked = fc.record({
    ids,
    adapter: fc.constantFrom<AdapterName>('base', 'web', 'write'),
    options: fc.record({
      stopTokens: fc.constant(stopTokens),
      maxNewTokens: fc.integer({ min: 1, max: 10 }),
      beams: fc.constantFrom(1, 1, 3),
      repetitionPenalty: fc.constantFrom(1, 1.3),
    }),
  });

  test('from a batch as one by one', async () => {
    const requests = fc.array(asked, { minLength: 2, maxLength: 5 });
    const property = fc.asyncProperty(requests, async (all) => {
      const size = { slots: 3, capacity: 80, beams: 6, prefillChunk: 7 };
      await using scheduler = model.openScheduler(size);
      const answers = all.map(({ ids, adapter, options }) =>
        tokensOf(scheduler.admit({ prompt: prompt(ids), adapter, ...options }).events),
      );
      for (const [i, { ids, adapter, options }] of all.entries()) {
        expect(await answers[i]).toEqual(await alone(ids, options, adapter));
      }
    });
    await fc.assert(property, runs);
  }, 240_000);

  test('from one beam as without', async () => {
    const property = fc.asyncProperty(ids, async (asked) => {
      const options = { stopTokens, maxNewTokens: 8 };
      const beams = { ...options, beams: { count: 1 } };
      expect(await alone(asked, beams)).toEqual(await alone(asked, options));
    });
    await fc.assert(property, runs);
  }, 120_000);
});

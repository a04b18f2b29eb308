import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mergedCheckpoint } from '../adapters/merged-checkpoint.ts';
import { openAdapter } from '../adapters/open-adapter.ts';
import { writeAdapter } from '../adapters/test-files/made-up-adapter.ts';
import type { Backend } from '../backend/backend.ts';
import { type GenerationEvent, generate, type TokenEvent } from '../generate/generate.ts';
import type { GenerateOptions } from '../generate/generate-options.ts';
import type { Prompt } from '../generate/prompt.ts';
import { finishPrefill } from '../generate/sequence.ts';
import { compileXComposer } from '../models/xcomposer/compile-model.ts';
import type { AnyAdapterName } from '../models/xcomposer/config.ts';
import type { XComposer } from '../models/xcomposer/model.ts';
import type { Checkpoint } from '../weights/checkpoint.ts';
import { openCheckpoint } from '../weights/open-checkpoint.ts';
import { relativeError } from './relative-error.ts';
import { widenCheckpoint } from './widen-checkpoint.ts';

/** Relative to the largest number: what the order in which a runtime adds may change. */
const TOLERANCE = 1e-4;
const CAPACITY = 80;

const ids = fc.array(fc.integer({ min: 3, max: 500 }), { minLength: 2, maxLength: 40 });
const promptOf = (ids: readonly number[]): Prompt => [{ type: 'text', ids: Int32Array.from(ids) }];
const stopTokens = new Set([2]);

export interface GenerationSuite {
  /** Where `fixtures/ixc25-micro` of the sources is: made-up adapters fit its shapes. */
  readonly folder: string;
  /** How many random cases each property is tried on. Default: 12. */
  readonly runs?: number;
}

/**
 * However a sequence comes to be, a real model on this backend continues it the same way: read at once,
 * in chunks, from a cache, cut and gone on, in a batch of several adapters, by one beam, under an adapter
 * that changes nothing, that was merged or whose name another had, after a longer one where rotary bases
 * stick.
 */
export function testGeneration(backend: Backend, { folder, runs = 12 }: GenerationSuite): void {
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
  const cases = { numRuns: runs };
  const minutes = 60_000 * 5;
  let model: XComposer;
  let adapters: string;
  beforeAll(async () => {
    model = await open(await openCheckpoint(folder));
    adapters = await mkdtemp(join(tmpdir(), 'lingbi-generation-'));
  }, minutes);
  afterAll(async () => {
    await model[Symbol.asyncDispose]();
    await rm(adapters, { recursive: true });
  });

  function open(checkpoint: Checkpoint, changed: object = {}): Promise<XComposer> {
    return compileXComposer({ backend, checkpoint, config, ...changed });
  }

  async function alone(
    asked: readonly number[],
    options: GenerateOptions,
    adapter: AnyAdapterName = 'base',
  ): Promise<number[]> {
    using sequence = model.openSequence({ capacity: CAPACITY, slots: 3, adapter });
    return await tokensOf(generate(sequence, promptOf(asked), options));
  }

  describe(`${backend.name}: the same logits`, () => {
    test(
      'over others that nobody reads any more as in memory of their own',
      async () => {
        using sequence = model.openSequence({ capacity: CAPACITY });
        using other = model.openSequence({ capacity: CAPACITY });
        let spare = await finishPrefill(sequence.prefill(promptOf([3, 4, 5])));
        const kept = [await finishPrefill(other.prefill(promptOf([3, 4, 5])))];
        const wanted = kept.map((logits) => logits.slice());
        for (const token of [7, 8, 9]) {
          spare = await sequence.feed(token, { spare });
          kept.push(await other.feed(token, { spare: new Float32Array(1) }));
          wanted.push(spare.slice());
        }
        expect(kept).toEqual(wanted);
      },
      minutes,
    );

    test(
      'whether a prompt is read at once or grows',
      async () => {
        const cuts = fc.array(fc.integer({ min: 1, max: 39 }), { maxLength: 3 });
        const property = fc.asyncProperty(ids, cuts, async (asked, lengths) => {
          using sequence = model.openSequence({ capacity: CAPACITY });
          const ends = lengths.filter((length) => length < asked.length).sort((a, b) => a - b);
          for (const end of ends) {
            await finishPrefill(sequence.prefill(promptOf(asked.slice(0, end))));
          }
          const found = await finishPrefill(sequence.prefill(promptOf(asked)));
          expectNear(found, await logitsOf(model, asked));
        });
        await fc.assert(property, cases);
      },
      minutes,
    );

    test(
      'whether the past was cut or never there',
      async () => {
        const property = fc.asyncProperty(ids, ids, async (asked, other) => {
          using sequence = model.openSequence({ capacity: CAPACITY });
          await finishPrefill(sequence.prefill(promptOf(asked)));
          const kept = asked.length >> 1;
          sequence.truncate(kept);
          const added = other.slice(0, 5);
          let found: Float32Array | undefined;
          for (const token of added) found = await sequence.feed(token);
          expectNear(found!, await logitsOf(model, [...asked.slice(0, kept), ...added]));
        });
        await fc.assert(property, cases);
      },
      minutes,
    );

    test(
      'in chunks of any length as at once',
      async () => {
        const property = fc.asyncProperty(
          ids,
          fc.integer({ min: 1, max: 12 }),
          async (asked, chunk) => {
            const [found, wanted] = [await chunked(asked, chunk), await chunked(asked, CAPACITY)];
            expect(found.map(({ token }) => token)).toEqual(wanted.map(({ token }) => token));
            expectNear(found.flatMap(likely), wanted.flatMap(likely));
          },
        );
        await fc.assert(property, cases);
      },
      minutes,
    );

    /** The first tokens after a prompt that a scheduler reads in such chunks. */
    async function chunked(asked: readonly number[], prefillChunk: number): Promise<TokenEvent[]> {
      const options = { slots: 1, capacity: CAPACITY, prefillChunk };
      await using scheduler = model.openScheduler(options);
      const { events } = scheduler.admit({
        ...{ prompt: promptOf(asked), adapter: 'base' },
        ...{ stopTokens, maxNewTokens: 3, topLogprobs: 5 },
      });
      return await tokenEventsOf(events);
    }

    test(
      'whether the one before it was disposed at rest or while it ran',
      async () => {
        const remembering = { prefixCacheBytes: 2 ** 24 };
        await using model = await open(await openCheckpoint(folder), remembering);
        const ran = fc.record({ continues: fc.boolean(), turns: fc.integer({ min: 0, max: 12 }) });
        const property = fc.asyncProperty(ids, ran, async (asked, { continues, turns }) => {
          const wanted = await logitsOf(model, asked);
          model.prefixes[Symbol.dispose]();
          const running = await disposedWhileItRan(model, asked, { continues, turns });
          expectNear(await logitsOf(model, asked), wanted);
          await running.settled;
          expectNear(await logitsOf(model, asked), wanted);
        });
        await fc.assert(property, cases);
      },
      minutes,
    );

    /** Goes on after a prompt by itself or in branches, and is disposed so many turns of the queue later. */
    async function disposedWhileItRan(
      model: XComposer,
      asked: readonly number[],
      { continues, turns }: { readonly continues: boolean; readonly turns: number },
    ): Promise<{ readonly settled: Promise<unknown> }> {
      using sequence = model.openSequence({ capacity: CAPACITY, slots: 2 });
      await finishPrefill(sequence.prefill(promptOf(asked)));
      const settled = run().catch(() => {});
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      return { settled };

      async function run(): Promise<void> {
        if (!continues) return void (await sequence.feed(3));
        using branches = sequence.branch();
        await branches.grow([5, 7].map((token) => ({ parent: 0, token })));
      }
    }

    test(
      'under an adapter whose B is zero as under none',
      async () => {
        const made = fc.record({ seed: fc.string(), rank: fc.integer({ min: 1, max: 8 }) });
        let count = 0;
        const property = fc.asyncProperty(ids, made, async (asked, { seed, rank }) => {
          const where = join(adapters, `zero-${count++}`);
          await load(model, 'zero', await writeAdapter(where, { seed, rank, size: 0 }));
          const found = await logitsOf(model, asked, 'zero');
          await model.unloadAdapter('zero');
          expectNear(found, await logitsOf(model, asked));
        });
        await fc.assert(property, cases);
      },
      minutes,
    );

    test(
      'under an adapter whatever had its name before',
      async () => {
        const write = (seed: string) => writeAdapter(join(adapters, seed), { seed });
        const [before, after] = [await write('old'), await write('new')];
        const remembering = { prefixCacheBytes: 2 ** 20 };
        await using model = await open(await openCheckpoint(folder), remembering);
        const options = { slots: 1, capacity: CAPACITY, prefillChunk: CAPACITY };
        await using scheduler = model.openScheduler(options);
        const ask = async (asked: readonly number[], adapter: string) => {
          const request = { stopTokens, maxNewTokens: 2, topLogprobs: 5 };
          const prompt = promptOf(asked);
          const tokens = await tokenEventsOf(
            scheduler.admit({ prompt, adapter, ...request }).events,
          );
          return tokens.flatMap(likely);
        };
        await load(model, 'right', after);
        const property = fc.asyncProperty(ids, async (asked) => {
          await load(model, 'mine', before);
          await ask(asked, 'mine');
          await logitsOf(model, asked, 'mine');
          await model.unloadAdapter('mine');
          await load(model, 'mine', after);
          expectNear(await ask(asked, 'mine'), await ask(asked, 'right'));
          expectNear(await logitsOf(model, asked, 'mine'), await logitsOf(model, asked, 'right'));
          await model.unloadAdapter('mine');
        });
        await fc.assert(property, cases);
      },
      minutes,
    );

    test(
      'whether read anew or not after a longer one, where bases stick',
      async () => {
        const scaling = { rope_scaling: { type: 'dynamic', factor: 2 } };
        const short = { config: { ...config, ...scaling, max_position_embeddings: 8 } };
        const sticky = { ...short, compat: { stickyRotary: true } };
        const property = fc.asyncProperty(ids, ids, async (asked, other) => {
          await using model = await open(await openCheckpoint(folder), sticky);
          using sequence = model.openSequence({ capacity: CAPACITY });
          await finishPrefill(sequence.prefill(promptOf(asked.slice(0, -1))));
          await logitsOf(model, other);
          const found = await finishPrefill(sequence.prefill(promptOf(asked)));
          expectNear(found, await logitsOf(model, asked));
        });
        await fc.assert(property, cases);
      },
      minutes,
    );

    test(
      'under an adapter as after it was merged',
      async () => {
        const where = await writeAdapter(join(adapters, 'mine'), { seed: 'mine' });
        await load(model, 'mine', where);
        const wide = widenCheckpoint(await openCheckpoint(folder));
        await using merged = await open(mergedCheckpoint(wide, await openAdapter(where)));
        const property = fc.asyncProperty(ids, async (asked) => {
          const found = await logitsOf(model, asked, 'mine');
          expectNear(found, await logitsOf(merged, asked));
          expect(relativeError(found, await logitsOf(model, asked))).toBeGreaterThan(1e-3);
        });
        await fc.assert(property, cases);
        await model.unloadAdapter('mine');
      },
      minutes,
    );
  });

  describe(`${backend.name}: the same tokens`, () => {
    const asked = fc.record({
      ids,
      adapter: fc.constantFrom<AnyAdapterName>('base', 'web', 'write', 'mine'),
      options: fc.record({
        stopTokens: fc.constant(stopTokens),
        maxNewTokens: fc.integer({ min: 1, max: 10 }),
        beams: fc.constantFrom(1, 1, 3),
        repetitionPenalty: fc.constantFrom(1, 1.3),
      }),
    });

    test(
      'from a batch as one by one',
      async () => {
        await load(model, 'mine', await writeAdapter(join(adapters, 'batch'), { seed: 'batch' }));
        const requests = fc.array(asked, { minLength: 2, maxLength: 5 });
        const property = fc.asyncProperty(requests, async (all) => {
          const size = { slots: 3, capacity: CAPACITY, beams: 6, prefillChunk: 7 };
          await using scheduler = model.openScheduler(size);
          const answers = all.map(({ ids, adapter, options }) =>
            tokensOf(scheduler.admit({ prompt: promptOf(ids), adapter, ...options }).events),
          );
          for (const [i, { ids, adapter, options }] of all.entries()) {
            expect(await answers[i]).toEqual(await alone(ids, options, adapter));
          }
        });
        await fc.assert(property, cases);
        await model.unloadAdapter('mine');
      },
      2 * minutes,
    );

    test(
      'from one beam as without',
      async () => {
        const property = fc.asyncProperty(ids, async (asked) => {
          const options = { stopTokens, maxNewTokens: 8 };
          const beams = { ...options, beams: { count: 1 } };
          expect(await alone(asked, beams)).toEqual(await alone(asked, options));
        });
        await fc.assert(property, cases);
      },
      minutes,
    );
  });
}

async function load(model: XComposer, name: string, where: string): Promise<void> {
  await using adapter = await openAdapter(where);
  await model.loadAdapter(name, adapter);
}

/** What follows a prompt that was never read before. */
async function logitsOf(
  model: XComposer,
  ids: readonly number[],
  adapter: AnyAdapterName = 'base',
): Promise<Float32Array> {
  const prompt = promptOf(ids);
  using sequence = model.openSequence({ capacity: CAPACITY, adapter, prompt });
  return await finishPrefill(sequence.prefill(prompt));
}
async function tokenEventsOf(events: AsyncIterable<GenerationEvent>): Promise<TokenEvent[]> {
  const tokens: TokenEvent[] = [];
  for await (const event of events) if (event.type === 'token') tokens.push(event);
  return tokens;
}

async function tokensOf(events: AsyncIterable<GenerationEvent>): Promise<number[]> {
  return (await tokenEventsOf(events)).map(({ token }) => token);
}

function likely({ logprobs }: TokenEvent): number[] {
  return logprobs!.top.map(({ logprob }) => logprob);
}

function expectNear(found: ArrayLike<number>, wanted: ArrayLike<number>): void {
  expect(relativeError(found, wanted)).toBeLessThan(TOLERANCE);
}

import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { TiledImage } from '../../models/tiled-image.ts';
import { type GenerationEvent, generate } from '../generate.ts';
import type { GenerateOptions } from '../generate-options.ts';
import { openSequence } from '../sequence.ts';
import { testPrompt, testRuntime } from '../test-runtime.ts';
import type { BatchModel } from './batcher.ts';
import { Scheduler, type SchedulerOptions } from './scheduler.ts';

const looks = vi.hoisted(() => ({ count: 0 }));
vi.mock('node:timers/promises', async (original) => {
  const real = await original<typeof import('node:timers/promises')>();
  const setImmediate = () => {
    looks.count++;
    return real.setImmediate();
  };
  return { ...real, setImmediate };
});

type Adapter = 'base' | 'web';
const stopTokens = new Set([11]);
const plain: GenerateOptions = { stopTokens, maxNewTokens: 12 };

/** Two adapters that answer differently over the same caches. */
function testModel() {
  const { runtime, ...seen } = testRuntime();
  const web = {
    ...runtime,
    origin: 'web',
    decode: async (step: Parameters<typeof runtime.decode>[0]) =>
      (await runtime.decode(step)).map((logit) => -logit),
  };
  const model: BatchModel<Adapter> = {
    runtime(adapter) {
      if (adapter !== 'base' && adapter !== 'web') throw new Error(`no adapter ${adapter}`);
      return adapter === 'base' ? runtime : web;
    },
  };
  return { model, ...seen };
}

function open(options: Partial<SchedulerOptions> = {}) {
  const { model, ...seen } = testModel();
  const all = { slots: 3, capacity: 60, beams: 6, prefillChunk: 4, ...options };
  return { scheduler: new Scheduler(model, all, 'base'), ...seen };
}

interface Asked {
  readonly ids: readonly number[];
  readonly adapter: Adapter;
  readonly options: GenerateOptions;
}

const request = ({ ids, adapter, options }: Asked) => ({
  ...options,
  prompt: testPrompt(...ids),
  adapter,
});

async function tokensOf(events: AsyncIterable<GenerationEvent>): Promise<number[]> {
  const tokens: number[] = [];
  for await (const event of events) if (event.type === 'token') tokens.push(event.token);
  return tokens;
}

/** What a request gets when nobody else is there. */
async function alone({ ids, adapter, options }: Asked): Promise<number[]> {
  using sequence = openSequence(testModel().model.runtime(adapter), 60, 3);
  return await tokensOf(generate(sequence, testPrompt(...ids), options));
}

const options = fc
  .record({
    maxNewTokens: fc.integer({ min: 1, max: 14 }),
    beams: fc.constantFrom(1, 1, 2, 3),
    repetitionPenalty: fc.constantFrom(1, 1.2),
    sampling: fc.option(
      fc.record({ temperature: fc.constantFrom(0.7, 1.5), seed: fc.nat(99), topK: fc.constant(5) }),
    ),
  })
  .map(({ sampling, ...rest }) => ({ ...rest, stopTokens, ...(sampling && { sampling }) }));
const asked = fc.record({
  // Few different ids, so that many prompts begin alike.
  ids: fc.array(fc.integer({ min: 1, max: 2 }), { minLength: 1, maxLength: 30 }),
  adapter: fc.constantFrom<Adapter>('base', 'web'),
  options,
});
/** A request, how many steps after the one before it comes, and after how many it is cancelled. */
const visit = fc.record({
  asked,
  pause: fc.integer({ min: 0, max: 6 }),
  leaves: fc.option(fc.integer({ min: 0, max: 8 })),
});

test('whoever comes and goes, each gets what it would get alone', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(visit, { minLength: 1, maxLength: 8 }),
      fc.record({ slots: fc.integer({ min: 1, max: 4 }), idleTokens: fc.constantFrom(0, 20, 99) }),
      async (visits, changed) => {
        const { scheduler } = open({ ...changed, automatic: false });
        await using _ = scheduler;
        const stays: Promise<void>[] = [];
        const leaving: { at: number; cancel: () => void }[] = [];
        let now = 0;
        const step = async () => {
          for (const { at, cancel } of leaving) if (at === now) cancel();
          now++;
          return scheduler.step();
        };
        for (const { asked, pause, leaves } of visits) {
          for (let i = 0; i < pause; i++) await step();
          const { events, cancel } = scheduler.admit(request(asked));
          const tokens = tokensOf(events);
          if (leaves === null) stays.push(expect(tokens).resolves.toEqual(await alone(asked)));
          else tokens.catch(() => {});
          if (leaves !== null)
            leaving.push({ at: now + leaves, cancel: () => cancel(new Error()) });
        }
        while ((await step()) || scheduler.load.running > 0);
        await Promise.all(stays);
      },
    ),
    { numRuns: 60 },
  );
});

test('single tokens of all requests are one run, chunks of prompts come in between', async () => {
  const { scheduler, runs } = open({ automatic: false });
  await using _ = scheduler;
  const options = { stopTokens: new Set<number>(), maxNewTokens: 20 };
  for (const ids of [[1], [2]]) scheduler.admit(request({ ids, adapter: 'base', options }));
  for (let i = 0; i < 4; i++) await scheduler.step();
  scheduler.admit(request({ ids: new Array(10).fill(3), adapter: 'base', options }));
  runs.length = 0;
  for (let i = 0; i < 4; i++) await scheduler.step();
  // 10 positions in chunks of 4; the others get a token each time.
  expect(runs).toEqual([[0, 1], [2], [0, 1], [2], [0, 1], [2], [0, 1, 2]]);
});

test('who finds no slot waits in line', async () => {
  const { scheduler } = open({ slots: 1 });
  await using _ = scheduler;
  const all = [[1], [2], [1, 2]].map((ids): Asked => ({ ids, adapter: 'base', options: plain }));
  const order: number[] = [];
  const answers = all.map(async (asked, place) => {
    const tokens = await tokensOf(scheduler.admit(request(asked)).events);
    order.push(place);
    return tokens;
  });
  expect(scheduler.load).toMatchObject({ waiting: 2 });
  expect(await Promise.all(answers)).toEqual(await Promise.all(all.map(alone)));
  expect(order).toEqual([0, 1, 2]);
});

describe('what prompts have in common', () => {
  const long = Array.from({ length: 24 }, (_, i) => (i * 7) % 10);
  const ask = async (scheduler: Scheduler<Adapter>, ids: readonly number[], adapter: Adapter) => {
    const { events } = scheduler.admit(request({ ids, adapter, options: plain }));
    for await (const event of events)
      if (event.type === 'generation-end') return event.cachedTokens;
    return undefined;
  };

  test('is read once, for one adapter', async () => {
    const { scheduler } = open();
    await using _ = scheduler;
    expect(await ask(scheduler, [...long, 1], 'base')).toBe(0);
    expect(await ask(scheduler, [...long, 2], 'base')).toBe(24);
    expect(await ask(scheduler, [...long, 2], 'web')).toBe(0);
    expect(scheduler.load.prefixes).toMatchObject({ hits: 1, misses: 2, savedTokens: 24 });
    expect(scheduler.load.prefixes.idleTokens).toBeGreaterThan(48);
  });

  test('is copied from a request that still goes on', async () => {
    const { scheduler } = open();
    await using _ = scheduler;
    const options = { stopTokens: new Set<number>(), maxNewTokens: 30 };
    const first = scheduler.admit(request({ ids: [...long, 1], adapter: 'base', options }));
    for await (const { type } of first.events) if (type === 'token') break;
    // Leaving cancels, but only within a step: the slot may be busy or idle, its past is there.
    expect(await ask(scheduler, [...long, 2], 'base')).toBe(24);
  });

  test('is forgotten beyond the budget', async () => {
    const { scheduler } = open({ idleTokens: 0 });
    await using _ = scheduler;
    await ask(scheduler, [...long, 1], 'base');
    expect(await ask(scheduler, [...long, 2], 'base')).toBe(0);
  });
});

describe('what goes wrong', () => {
  test('for one request is nobody else’s', async () => {
    const { scheduler } = open();
    await using _ = scheduler;
    const good: Asked = { ids: [1, 2], adapter: 'base', options: plain };
    const bad = {
      ...plain,
      stopWhen: () => {
        throw new Error('my own mistake');
      },
    };
    const failing = scheduler.admit(request({ ...good, options: bad }));
    const fine = scheduler.admit(request(good));
    await expect(tokensOf(failing.events)).rejects.toThrow('my own mistake');
    expect(await tokensOf(fine.events)).toEqual(await alone(good));
  });

  test('is refused at the door where that can be known', async () => {
    const { scheduler } = open();
    await using _ = scheduler;
    const good: Asked = { ids: [1, 2], adapter: 'base', options: plain };
    const admit = (changed: object) => () => scheduler.admit({ ...request(good), ...changed });
    expect(admit({ maxNewTokens: 59 })).toThrow('61 new tokens do not fit');
    expect(admit({ beams: 7 })).toThrow('7 continuations do not fit');
    expect(admit({ adapter: 'none' })).toThrow('no adapter none');
    expect(admit({ topK: 3 })).toThrow('there is no such option');
    expect(() => open({ slots: 0 })).toThrow('slots: it must be a whole number above 0');
  });

  test('a signal ends a request, waiting or not; disposing ends all', async () => {
    const { scheduler } = open({ slots: 1 });
    const stop = new AbortController();
    const options = { stopTokens: new Set<number>(), maxNewTokens: 50 };
    const asked: Asked = {
      ids: [1],
      adapter: 'base',
      options: { ...options, signal: stop.signal },
    };
    const both = [0, 1].map(() => tokensOf(scheduler.admit(request(asked)).events));
    const last = tokensOf(scheduler.admit(request({ ...asked, options })).events);
    stop.abort(new Error('enough'));
    for (const each of both) await expect(each).rejects.toThrow('enough');
    const failed = expect(last).rejects.toThrow('disposed');
    await scheduler[Symbol.asyncDispose]();
    await failed;
    expect(() => scheduler.admit(request(asked))).toThrow('disposed');
  });
});

describe('who has a signal of its own', () => {
  const asked: Asked = { ids: [1], adapter: 'base', options: plain };

  test('is not listened to any more when its request has ended', async () => {
    const { scheduler } = open();
    await using _ = scheduler;
    const { signal } = new AbortController();
    for (let i = 0; i < 3; i++) {
      await tokensOf(scheduler.admit({ ...request(asked), signal }).events);
    }
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  test('that was aborted before ends at once, though no slot is free', async () => {
    const { scheduler } = open({ slots: 1, automatic: false });
    await using _ = scheduler;
    scheduler.admit(request(asked));
    const signal = AbortSignal.abort(new Error('too late'));
    const { events } = scheduler.admit({ ...request(asked), signal });
    await expect(tokensOf(events)).rejects.toThrow('too late');
    expect(scheduler.load.waiting).toBe(1);
  });
});

describe('pictures', () => {
  /** A model whose pictures are encoded when they are told to. */
  function seeing(slots: number) {
    const { model, ...seen } = testModel();
    const started: string[] = [];
    const finish: (() => void)[] = [];
    const encodeImage = async ({ key }: TiledImage, signal?: AbortSignal) => {
      started.push(key);
      await new Promise<void>((resolve, reject) => {
        finish.push(resolve);
        signal?.addEventListener('abort', () => reject(signal.reason));
      });
      const data = Float32Array.of(3, 4);
      return { rows: { dtype: 'float32' as const, shape: [2, 1], data }, known: false };
    };
    const runtime = (adapter: Adapter) => ({ ...model.runtime(adapter), encodeImage });
    const options = { slots, capacity: 60, prefillChunk: 4 };
    return {
      scheduler: new Scheduler<Adapter>({ runtime }, options, 'base'),
      started,
      finish,
      ...seen,
    };
  }

  const showing = (key: string) => {
    const image = { grid: { rows: 1, columns: 1 }, tileSize: 1, key } as TiledImage;
    const [text] = testPrompt(1);
    return {
      ...plain,
      prompt: [text!, { type: 'image', image, tokens: 2 } as const],
      adapter: 'base' as const,
    };
  };
  /** Until nothing happens any more by itself. */
  const settled = async () => {
    for (let seen = -1, tries = 0; seen !== looks.count; tries++) {
      if (tries === 100) throw new Error('the scheduler never rests');
      seen = looks.count;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };

  test('are encoded one at a time, while the others write', async () => {
    const { scheduler, started, finish } = seeing(3);
    await using _ = scheduler;
    const shown = ['a', 'b'].map((key) => tokensOf(scheduler.admit(showing(key)).events));
    const written = await tokensOf(
      scheduler.admit(request({ ids: [1], adapter: 'base', options: plain })).events,
    );
    expect(written.length).toBeGreaterThan(0);
    expect(started).toEqual(['a']);
    finish[0]!();
    await vi.waitFor(() => expect(started).toEqual(['a', 'b']));
    finish[1]!();
    const [first, second] = await Promise.all(shown);
    expect(first).toEqual(second);
  });

  test('of a request that is cancelled while it waits are never encoded', async () => {
    const { scheduler, started, finish } = seeing(2);
    await using _ = scheduler;
    const first = tokensOf(scheduler.admit(showing('a')).events);
    const { events, cancel } = scheduler.admit(showing('b'));
    const second = tokensOf(events);
    await vi.waitFor(() => expect(started).toEqual(['a']));
    cancel(new Error('no more'));
    await expect(second).rejects.toThrow('no more');
    finish[0]!();
    await first;
    expect(started).toEqual(['a']);
  });

  test('that are being encoded keep nobody busy who waits for the slot', async () => {
    const { scheduler, finish } = seeing(1);
    await using _ = scheduler;
    const first = tokensOf(scheduler.admit(showing('a')).events);
    const second = tokensOf(
      scheduler.admit(request({ ids: [1], adapter: 'base', options: plain })).events,
    );
    await vi.waitFor(() => expect(finish).toHaveLength(1));
    await settled();
    finish[0]!();
    await Promise.all([first, second]);
  });
});

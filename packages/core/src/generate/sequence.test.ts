import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { KvCache } from '../backend/backend.ts';
import { rotaryPositions } from '../models/internlm2/rotary.ts';
import type { TiledImage } from '../models/tiled-image.ts';
import type { DecoderRuntime } from './decoder-runtime.ts';
import { type GenerationEvent, generate } from './generate.ts';
import { emptyPast } from './past.ts';
import type { Prompt, PromptChunk } from './prompt.ts';
import {
  continueCache,
  finishPrefill,
  openSequence,
  openSequenceIn,
  PREFILL_CHUNK,
} from './sequence.ts';

const text = (...ids: number[]): PromptChunk => ({ type: 'text', ids: Int32Array.from(ids) });
const picture = (key: string, tokens: number): PromptChunk => ({
  type: 'image',
  tokens,
  image: { key } as TiledImage,
});

/**
 * A model that remembers what it read. Rows are one number wide, the token id; a picture's are its
 * key's length. The likeliest next token is the last one plus one.
 */
function recordingRuntime(trainedLength = 1000, rotary: { readonly sticky?: boolean } = {}) {
  const log: string[] = [];
  const held: number[] = [];
  const runtime: DecoderRuntime = {
    origin: 'recording',
    rotary: rotaryPositions(
      { headDim: 4, theta: 100, scaling: { kind: 'dynamic', factor: 2, trainedLength } },
      rotary,
    ),
    createCache: ({ capacity }) => listCache(held, capacity),
    async encodeImage({ key }) {
      const known = log.includes(`encode ${key}`);
      log.push(`encode ${key}`);
      const data = new Float32Array(20).fill(key.length);
      return { rows: { dtype: 'float32', shape: [20, 1], data }, known };
    },
    async decode(step) {
      const data = step.kind === 'text' ? step.ids : step.rows.data;
      log.push(`${step.kind} ${data.length}`);
      held.push(...data);
      const logits = new Float32Array(50);
      logits[(held.at(-1)! + 1) % 50] = 1;
      return logits;
    },
  };
  return { runtime, log, held };
}

function listCache(held: number[], capacity: number): KvCache {
  return {
    slots: 1,
    capacity,
    grow: () => Promise.reject(new Error('this cache cannot grow')),
    ...{ length: () => held.length, held: () => held.length, giveBack() {} },
    truncate: (length) => void held.splice(length),
    copy: async () => {},
    extend: async () => {},
    [Symbol.dispose]: () => void held.splice(0),
  };
}

describe('prefill()', () => {
  test('that is broken off gives back what it will not fill', async () => {
    const { runtime, held } = recordingRuntime();
    const givenBack: number[] = [];
    const createCache: DecoderRuntime['createCache'] = ({ capacity }) => {
      const giveBack = (length: number) => void givenBack.push(length);
      return { ...listCache(held, capacity), giveBack };
    };
    using sequence = openSequence({ ...runtime, createCache }, 1000);
    const long = text(...new Array<number>(900).fill(3));
    const { signal, abort } = abortable();
    const reading = async () => {
      for await (const { processed } of sequence.prefill([long], { signal }))
        if (processed) abort();
    };
    await expect(reading()).rejects.toThrow('enough');
    expect(givenBack).toEqual([900, PREFILL_CHUNK]);
  });

  function abortable() {
    const controller = new AbortController();
    return { signal: controller.signal, abort: () => controller.abort(new Error('enough')) };
  }

  test('reads texts and pictures in order, each by its own graph', async () => {
    const { runtime, log, held } = recordingRuntime();
    using sequence = openSequence(runtime, 100);
    await finishPrefill(sequence.prefill([text(7, 8), picture('abc', 20), text(9)]));
    expect(log).toEqual(['text 2', 'encode abc', 'image 20', 'text 1']);
    expect(held).toEqual([7, 8, ...new Array(20).fill(3), 9]);
  });

  test('gives back what a shorter prompt does not need, and all that is cut off for good', async () => {
    const { runtime } = recordingRuntime();
    const given: number[] = [];
    const createCache: DecoderRuntime['createCache'] = (options) => ({
      ...runtime.createCache(options),
      giveBack: (length) => void given.push(length),
    });
    using sequence = openSequence({ ...runtime, createCache }, 100);
    await finishPrefill(sequence.prefill([text(1, 2, 3, 4, 5)]));
    await finishPrefill(sequence.prefill([text(1, 7, 8)]));
    sequence.truncate(2);
    expect(given).toEqual([5, 3, 2]);
  });

  test('in a slot that others will use, readings keep the memory of what is cut off', async () => {
    const { runtime } = recordingRuntime();
    const given: number[] = [];
    const giveBack = (length: number) => void given.push(length);
    const cache = { ...runtime.createCache({ capacity: 100 }), giveBack };
    const place = { slot: 0, branchSlots: [], past: emptyPast, chunk: 2 };
    using sequence = openSequenceIn(runtime, cache, place);
    await finishPrefill(sequence.prefill([text(1, 2, 3, 4, 5)]));
    await sequence.prefill([text(9, 9, 9, 9)]).return(new Float32Array());
    await finishPrefill(sequence.prefill([text(1, 7, 8)]));
    expect(given).toEqual([]);
  });

  test('keeps what the past shares with the prompt; a shared picture is not encoded again', async () => {
    const { runtime, log } = recordingRuntime();
    using sequence = openSequence(runtime, 100);
    await finishPrefill(sequence.prefill([text(7), picture('abc', 20), text(1)]));
    await sequence.feed(2);
    log.length = 0;
    const events = [];
    const longer = [text(7), picture('abc', 20), text(1, 2, 5, 6)];
    for await (const { processed, total } of sequence.prefill(longer))
      events.push([processed, total]);
    expect(log).toEqual(['text 2']);
    expect(events).toEqual([
      [23, 25],
      [25, 25],
    ]);
  });

  test('reads at least the last position again, whose logits are wanted', async () => {
    const { runtime, log } = recordingRuntime();
    using sequence = openSequence(runtime, 100);
    await finishPrefill(sequence.prefill([text(1, 2, 3)]));
    log.length = 0;
    await finishPrefill(sequence.prefill([text(1, 2, 3)]));
    expect(log).toEqual(['text 1']);
  });

  test('keeps nothing where the angles of longer sequences differ', async () => {
    const { runtime, log } = recordingRuntime(4);
    using sequence = openSequence(runtime, 100);
    await finishPrefill(sequence.prefill([text(1, 2, 3)]));
    log.length = 0;
    await finishPrefill(sequence.prefill([text(1, 2, 3, 4, 5)]));
    expect(log).toEqual(['text 5']);
  });

  test('keeps nothing that was read before another sequence enlarged the base for all', async () => {
    const { runtime, log } = recordingRuntime(4, { sticky: true });
    using sequence = openSequence(runtime, 100);
    await finishPrefill(sequence.prefill([text(1, 2, 3)]));
    runtime.rotary.angles(0, 9, 9); // what another one does
    log.length = 0;
    await finishPrefill(sequence.prefill([text(1, 2, 3, 4)]));
    await finishPrefill(sequence.prefill([text(1, 2, 3, 4, 5)]));
    expect(log).toEqual(['text 4', 'text 1']);
  });

  test('keeps the beginning that has one base, cut off where another began', async () => {
    const { runtime, log } = recordingRuntime(4);
    using sequence = openSequence(runtime, 100);
    await finishPrefill(sequence.prefill([text(1, 2, 3)]));
    for (const token of [4, 5, 6]) await sequence.feed(token);
    log.length = 0;
    await finishPrefill(sequence.prefill([text(1, 2, 3, 9)]));
    expect(log).toEqual(['text 1']);
    await finishPrefill(sequence.prefill([text(1, 2, 3, 9, 9, 9)]));
    await finishPrefill(sequence.prefill([text(1, 2, 3, 9, 9, 8)]));
    expect(log).toEqual(['text 1', 'text 6', 'text 1']);
  });

  test('counts pictures that were encoded, and those that had been before', async () => {
    const { runtime } = recordingRuntime();
    using sequence = openSequence(runtime, 100);
    await finishPrefill(sequence.prefill([text(7), picture('abc', 20), picture('d', 20)]));
    expect(sequence.pictures).toEqual({ encoded: 2, reused: 0 });
    await finishPrefill(sequence.prefill([picture('abc', 20), text(1)]));
    expect(sequence.pictures).toEqual({ encoded: 2, reused: 1 });
    await finishPrefill(sequence.prefill([picture('abc', 20), text(1, 2)]));
    expect(sequence.pictures).toEqual({ encoded: 2, reused: 1 });
  });

  test('a picture cut by the length limit gives only its first rows', async () => {
    const { runtime, held } = recordingRuntime();
    using sequence = openSequence(runtime, 100);
    await finishPrefill(sequence.prefill([text(7), picture('ab', 4)]));
    expect(held).toEqual([7, 2, 2, 2, 2]);
  });

  test('refuses a prompt longer than the capacity before it reads anything', async () => {
    const { runtime, log } = recordingRuntime();
    using sequence = openSequence(runtime, 3);
    await expect(finishPrefill(sequence.prefill([text(1, 2, 3, 4)]))).rejects.toThrow(
      '4 new tokens do not fit: the cache holds 0 of 3',
    );
    expect(log).toEqual([]);
  });

  test('stops between chunks when aborted, and goes on from there', async () => {
    const { runtime, log } = recordingRuntime(5000);
    using sequence = openSequence(runtime, 2000);
    const stop = new AbortController();
    const ids = Array.from({ length: 1200 }, (_, index) => index % 40);
    const reading = sequence.prefill([text(...ids)], { signal: stop.signal });
    await reading.next();
    await reading.next();
    stop.abort(new Error('enough'));
    await expect(reading.next()).rejects.toThrow('enough');
    expect(log).toEqual(['text 256']);
    await finishPrefill(sequence.prefill([text(...ids)]));
    expect(log).toEqual(['text 256', 'text 256', 'text 256', 'text 256', 'text 176']);
  });
});

describe('feed()', () => {
  test('copies nothing of the prompt, however long that is', async () => {
    using sequence = openSequence(recordingRuntime().runtime, 2000);
    await finishPrefill(sequence.prefill([text(...new Array<number>(1000).fill(3))]));
    const copied = vi.spyOn(Int32Array.prototype, 'set');
    onTestFinished(() => copied.mockRestore());
    for (const token of [4, 5, 6]) await sequence.feed(token);
    expect(copied).not.toHaveBeenCalled();
  });

  test('that fails leaves its tokens out of what is held', async () => {
    const { runtime } = recordingRuntime();
    const decode: DecoderRuntime['decode'] = (step) => {
      const fails = step.kind === 'text' && step.ids.includes(8);
      return fails ? Promise.reject(new Error('out of order')) : runtime.decode(step);
    };
    const cache = runtime.createCache({ capacity: 100 });
    const held: Prompt[] = [];
    const idle = { cache, past: emptyPast };
    const sequence = continueCache({ ...runtime, decode }, idle, ({ prompt }) => held.push(prompt));
    await finishPrefill(sequence.prefill([text(1, 2)]));
    await expect(sequence.feed(8)).rejects.toThrow('out of order');
    await sequence.feed(3);
    await expect(sequence.feedAll([7, 8])).rejects.toThrow('out of order');
    sequence[Symbol.dispose]();
    expect(held).toEqual([[text(1, 2, 3)]]);
  });
});

describe('generate()', () => {
  async function collect(events: AsyncIterable<GenerationEvent>): Promise<string[]> {
    const shown: string[] = [];
    for await (const event of events) {
      if (event.type === 'token') shown.push(String(event.token));
      if (event.type === 'generation-end') {
        const { reason, promptTokens, cachedTokens, newTokens } = event;
        shown.push(`${reason}: ${promptTokens} read, ${cachedTokens} kept, ${newTokens} new`);
      }
    }
    return shown;
  }

  test('writes the likeliest tokens until a stop token, which it counts', async () => {
    using sequence = openSequence(recordingRuntime().runtime, 100);
    const events = generate(sequence, [text(3, 4)], { stopTokens: new Set([7]), maxNewTokens: 9 });
    expect(await collect(events)).toEqual(['5', '6', '7', 'stop-token: 2 read, 0 kept, 3 new']);
  });

  test('stops at the limit', async () => {
    using sequence = openSequence(recordingRuntime().runtime, 100);
    const events = generate(sequence, [text(3, 4)], { stopTokens: new Set(), maxNewTokens: 2 });
    expect(await collect(events)).toEqual(['5', '6', 'max-tokens: 2 read, 0 kept, 2 new']);
  });

  test('a second turn reports what it kept', async () => {
    using sequence = openSequence(recordingRuntime().runtime, 100);
    const options = { stopTokens: new Set([6]), maxNewTokens: 9 };
    await collect(generate(sequence, [text(3, 4)], options));
    const events = generate(sequence, [text(3, 4, 5, 4)], options);
    expect((await collect(events)).at(-1)).toBe('stop-token: 4 read, 3 kept, 2 new');
  });

  test('the sampler sees what was generated so far', async () => {
    const seen: number[][] = [];
    using sequence = openSequence(recordingRuntime().runtime, 100);
    const sampler = (_: Float32Array, history: readonly number[]) => {
      seen.push([...history]);
      return 11 + history.length;
    };
    const options = { stopTokens: new Set<number>(), maxNewTokens: 3, sampler };
    await collect(generate(sequence, [text(3)], options));
    expect(seen).toEqual([[], [11], [11, 12]]);
  });

  test('rejects with the reason of its signal within a step', async () => {
    using sequence = openSequence(recordingRuntime().runtime, 100);
    const stop = new AbortController();
    const options = { stopTokens: new Set<number>(), maxNewTokens: 50, signal: stop.signal };
    const run = async () => {
      for await (const event of generate(sequence, [text(3)], options)) {
        if (event.type === 'token') stop.abort(new Error('enough'));
      }
    };
    await expect(run()).rejects.toThrow('enough');
    expect(sequence.length).toBe(1);
  });
});

import { describe, expect, test } from 'vitest';
import type { Backend, HostTensor, KvCache, KvFormat, Program } from '../backend/backend.ts';
import { RunError } from '../backend/errors.ts';
import { referenceBackend } from '../reference/reference-backend.ts';
import { expectClose } from './compare.ts';
import { noiseWeights } from './noise-weights.ts';
import { relativeError } from './relative-error.ts';
import {
  decode,
  decoderInputs,
  promptRows,
  rowsOf,
  smallDecoder,
  upFrom,
} from './small-decoder.ts';

const graphs = { decode: smallDecoder('decode'), other: smallDecoder('other', 'otherLast') };
const weights = noiseWeights([...graphs.decode.weights, ...graphs.other.weights]);

/** Attention over a cache with slots: what was read before, how and in which company does not matter. */
export function cacheSuite(backend: Backend, tolerance: number, kv: KvFormat = 'float32'): void {
  /** What the reference says follows the first `length` rows of a prompt. */
  async function expected(seed: string, length: number, graph = 'decode'): Promise<HostTensor> {
    await using program = await referenceBackend.compile(graphs, weights);
    using cache = program.createCache({ capacity: length });
    return await feed(program, cache, promptRows(seed, length), { graph });
  }

  /** What the reference says follows these rows, one after the other. */
  async function alone(parts: readonly HostTensor[]): Promise<HostTensor> {
    await using program = await referenceBackend.compile(graphs, weights);
    const rows = join(parts);
    using cache = program.createCache({ capacity: rows.shape[0]! });
    return await feed(program, cache, rows);
  }

  async function feed(
    program: Program,
    cache: KvCache,
    x: HostTensor,
    {
      slot = 0,
      graph = 'decode',
      signal,
    }: { slot?: number; graph?: string; signal?: AbortSignal } = {},
  ): Promise<HostTensor> {
    const tokens = x.shape[0]!;
    const inputs = decoderInputs(x, upFrom(cache.length(slot), tokens));
    const segments = [{ slot, tokens }];
    return decode(program, graph, inputs, { cache, segments, ...(signal && { signal }) });
  }

  describe(`${backend.name}: cache in ${kv}`, () => {
    test('a prompt at once equals the reference', async () => {
      await using program = await backend.compile(graphs, weights);
      using cache = program.createCache({ kv, capacity: 16 });
      const found = await feed(program, cache, promptRows('a', 11));
      expectClose(found, await expected('a', 11), tolerance, 'after 11 tokens');
      expect(cache.length()).toBe(11);
    });

    test('a prompt in chunks and single tokens equals the prompt at once', async () => {
      await using program = await backend.compile(graphs, weights);
      using cache = program.createCache({ kv, capacity: 16 });
      const x = promptRows('b', 12);
      let found: HostTensor | undefined;
      for (const [from, to] of [
        [0, 5],
        [5, 6],
        [6, 10],
        [10, 11],
        [11, 12],
      ] as const) {
        found = await feed(program, cache, rowsOf(x, from, to));
      }
      expectClose(found!, await expected('b', 12), tolerance, 'after chunks');
    });

    test('a long past in parts of any length, copied, cut and gone on, equals the reference', async () => {
      await using program = await backend.compile(graphs, weights);
      using cache = program.createCache({ kv, capacity: 320, slots: 2 });
      const x = promptRows('long', 300);
      for (const end of [70, 71, 150, 159, 290]) {
        await feed(program, cache, rowsOf(x, cache.length(), end));
      }
      await cache.copy(0, 1);
      cache.truncate(80, 0);
      for (const [slot, end] of [
        [1, 291],
        [0, 81],
        [0, 95],
        [1, 300],
        [0, 300],
      ] as const) {
        const found = await feed(program, cache, rowsOf(x, cache.length(slot), end), { slot });
        expectClose(found, await expected('long', end), tolerance, `slot ${slot}, ${end} tokens`);
      }
    });

    test('graphs of one program share the cache', async () => {
      await using program = await backend.compile(graphs, weights);
      using cache = program.createCache({ kv, capacity: 16 });
      const x = promptRows('c', 9);
      await feed(program, cache, rowsOf(x, 0, 4), { graph: 'other' });
      await feed(program, cache, rowsOf(x, 4, 6), { graph: 'decode' });
      const found = await feed(program, cache, rowsOf(x, 6, 9), { graph: 'other' });
      expectClose(found, await expected('c', 9, 'other'), tolerance, 'through both graphs');
    });

    test('what is truncated leaves no trace', async () => {
      await using program = await backend.compile(graphs, weights);
      using cache = program.createCache({ kv, capacity: 16 });
      await feed(program, cache, rowsOf(promptRows('d', 10), 0, 6));
      await feed(program, cache, promptRows('wrong turn', 5));
      cache.truncate(6);
      const found = await feed(program, cache, rowsOf(promptRows('d', 10), 6, 10));
      expectClose(found, await expected('d', 10), tolerance, 'after truncate');
    });

    test('a run in a cache that is disposed meanwhile gives what it would have, or says why not', async () => {
      await using program = await backend.compile(graphs, weights);
      const found: string[] = [];
      for (let turns = 0; turns < 24; turns++) {
        for (const slot of [0, 1]) found.push(await disposedMeanwhile(program, turns, slot));
      }
      expect(new Set(found)).toEqual(new Set(['refused', 'as ever']));
    });

    /** Disposes a cache so many turns of the queue after a run in it was asked for. */
    async function disposedMeanwhile(program: Program, turns: number, slot: number) {
      const cache = program.createCache({ kv, capacity: 16, branches: 1 });
      await feed(program, cache, rowsOf(promptRows('d', 10), 0, 9));
      if (slot > 0) await cache.extend(0, slot);
      const running = feed(program, cache, rowsOf(promptRows('d', 10), 9, 10), { slot });
      const settled = Promise.allSettled([running]);
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      cache[Symbol.dispose]();
      const [run] = await settled;
      expect([cache.length(0), cache.held(slot), cache.length(slot)]).toEqual([0, 0, 0]);
      if (run.status === 'fulfilled') {
        expectClose(run.value, await expected('d', 10), tolerance, `after ${turns} turns`);
        return 'as ever';
      }
      expect(run.reason).toEqual(new RunError('This cache has been disposed'));
      return 'refused';
    }

    test('counts what it has memory for: at least what it holds, at most what it once held', async () => {
      await using program = await backend.compile(graphs, weights);
      using cache = program.createCache({ kv, capacity: 16, slots: 2 });
      await feed(program, cache, promptRows('d', 12));
      expect([cache.held(), cache.held(1)]).toEqual([12, 0]);
      cache.truncate(5);
      cache.giveBack(7);
      const within = () => [cache.held() >= cache.length(), cache.held() <= 12];
      expect(within()).toEqual([true, true]);
      await feed(program, cache, promptRows('e', 1));
      expect(within()).toEqual([true, true]);
      cache.truncate(0);
      expect(cache.held()).toBeLessThanOrEqual(12);
    });

    test('slots do not see each other', async () => {
      await using program = await backend.compile(graphs, weights);
      using cache = program.createCache({ kv, capacity: 16, slots: 3 });
      await feed(program, cache, promptRows('left', 7), { slot: 0 });
      const right = await feed(program, cache, promptRows('right', 4), { slot: 2 });
      expectClose(right, await expected('right', 4), tolerance, 'slot 2');
      expect([0, 1, 2].map((slot) => cache.length(slot))).toEqual([7, 0, 4]);
    });

    test('sequences of equal steps run as one batch', async () => {
      await using program = await backend.compile(graphs, weights);
      using cache = program.createCache({ kv, capacity: 16, slots: 3 });
      const lengths = [7, 3, 5];
      const seeds = ['x', 'y', 'z'];
      for (const [slot, seed] of seeds.entries()) {
        await feed(program, cache, rowsOf(promptRows(seed, 9), 0, lengths[slot]!), { slot });
      }
      const next = seeds.map((seed, slot) =>
        rowsOf(promptRows(seed, 9), lengths[slot]!, lengths[slot]! + 1),
      );
      const inputs = decoderInputs(join(next), lengths);
      const segments = seeds.map((_, slot) => ({ slot, tokens: 1 }));
      const found = await decode(program, 'decode', inputs, { cache, segments });
      const wanted = await Promise.all(
        seeds.map((seed, slot) => expected(seed, lengths[slot]! + 1)),
      );
      expectClose(found, join(wanted), tolerance, 'batch of three');
    });

    test('sequences of unequal steps, slots in any order, run together', async () => {
      await using program = await backend.compile(graphs, weights);
      using cache = program.createCache({ kv, capacity: 16, slots: 4 });
      await feed(program, cache, rowsOf(promptRows('p', 8), 0, 3), { slot: 3 });
      const inputs = decoderInputs(join([rowsOf(promptRows('p', 8), 3, 8), promptRows('q', 2)]), [
        ...upFrom(3, 5),
        ...upFrom(0, 2),
      ]);
      const segments = [
        { slot: 3, tokens: 5 },
        { slot: 1, tokens: 2 },
      ];
      const found = await decode(program, 'decode', inputs, { cache, segments });
      const wanted = join([await expected('p', 8), await expected('q', 2)]);
      expectClose(found, wanted, tolerance, 'ragged batch');
      expect([0, 1, 2, 3].map((slot) => cache.length(slot))).toEqual([0, 2, 0, 8]);
    });

    test('the last rows of a segment that are kept tell what each would alone', async () => {
      await using program = await backend.compile(graphs, weights);
      using cache = program.createCache({ capacity: 16, slots: 3 });
      await feed(program, cache, rowsOf(promptRows('p', 9), 0, 4), { slot: 2 });
      const inputs = decoderInputs(join([rowsOf(promptRows('p', 9), 4, 9), promptRows('q', 2)]), [
        ...upFrom(4, 5),
        ...upFrom(0, 2),
      ]);
      const segments = [
        { slot: 2, tokens: 5, kept: 3 },
        { slot: 0, tokens: 2 },
      ];
      const found = await decode(program, 'decode', inputs, { cache, segments });
      const wanted = [7, 8, 9].map((length) => expected('p', length));
      const all = join(await Promise.all([...wanted, expected('q', 2)]));
      expectClose(found, all, tolerance, 'three rows, then one');
    });

    test('a copied slot continues on its own', async () => {
      await using program = await backend.compile(graphs, weights);
      using cache = program.createCache({ kv, capacity: 16, slots: 2 });
      await feed(program, cache, rowsOf(promptRows('e', 9), 0, 5));
      await cache.copy(0, 1);
      await feed(program, cache, promptRows('elsewhere', 3), { slot: 0 });
      const found = await feed(program, cache, rowsOf(promptRows('e', 9), 5, 9), { slot: 1 });
      expectClose(found, await expected('e', 9), tolerance, 'copied slot');
    });

    test('slots that continue another go on side by side, by any number of tokens', async () => {
      await using program = await backend.compile(graphs, weights);
      using cache = program.createCache({ kv, capacity: 24, slots: 4 });
      const prompt = promptRows('h', 6);
      await feed(program, cache, prompt, { slot: 1 });
      const segments = [1, 1, 3].map((tokens, i) => ({ slot: [0, 2, 3][i]!, tokens }));
      const steps = segments.map(({ slot, tokens }) => promptRows(`step ${slot}`, tokens));
      for (const { slot } of segments) await cache.extend(1, slot);
      for (const turn of [1, 2]) {
        const positions = segments.map(({ slot, tokens }) => upFrom(cache.length(slot), tokens));
        const inputs = decoderInputs(join(steps), positions.flat());
        const found = await decode(program, 'decode', inputs, { cache, segments });
        const pasts = steps.map((rows) => alone([prompt, ...new Array(turn).fill(rows)]));
        expectClose(found, join(await Promise.all(pasts)), tolerance, `turn ${turn}`);
      }
      expect([0, 1, 2, 3].map((slot) => cache.length(slot))).toEqual([8, 6, 8, 12]);
    });

    test('continuations of two slots go on in one run', async () => {
      await using program = await backend.compile(graphs, weights);
      using cache = program.createCache({ kv, capacity: 24, slots: 2, branches: 4 });
      const prompts = ['q', 'r'].map((seed, slot) => promptRows(seed, 3 + slot));
      for (const [slot, rows] of prompts.entries()) await feed(program, cache, rows, { slot });
      const segments = [2, 3, 4, 5].map((slot) => ({ slot, tokens: 1 }));
      for (const { slot } of segments) await cache.extend(slot < 4 ? 0 : 1, slot);
      const steps = segments.map(({ slot }) => promptRows(`both ${slot}`, 1));
      for (const turn of [1, 2]) {
        const positions = segments.map(({ slot }) => cache.length(slot));
        const inputs = decoderInputs(join(steps), positions);
        const found = await decode(program, 'decode', inputs, { cache, segments });
        const pasts = steps.map((rows, i) => [prompts[i >> 1]!, ...new Array(turn).fill(rows)]);
        expectClose(found, join(await Promise.all(pasts.map(alone))), tolerance, `turn ${turn}`);
      }
    });

    test('a continuation can be copied, cut, and taken over by what it continues', async () => {
      await using program = await backend.compile(graphs, weights);
      using cache = program.createCache({ kv, capacity: 24, slots: 3 });
      const prompt = promptRows('i', 5);
      const [one, two, three] = ['one', 'two', 'three'].map((seed) => promptRows(seed, 2));
      await feed(program, cache, prompt);
      await cache.extend(0, 1);
      await cache.extend(0, 2);
      await feed(program, cache, one!, { slot: 1 });
      await feed(program, cache, two!, { slot: 2 });
      await cache.copy(2, 1);
      cache.truncate(6, 1);
      const cut = await feed(program, cache, three!, { slot: 1 });
      const first = rowsOf(two!, 0, 1);
      expectClose(cut, await alone([prompt, first, three!]), tolerance, 'copied and cut');
      const other = await feed(program, cache, one!, { slot: 2 });
      expectClose(
        other,
        await alone([prompt, two!, one!]),
        tolerance,
        'the one it was copied from',
      );
      await cache.copy(1, 0);
      expect([0, 1, 2].map((slot) => cache.length(slot))).toEqual([8, 0, 0]);
      const found = await feed(program, cache, one!);
      expectClose(found, await alone([prompt, first, three!, one!]), tolerance, 'taken over');
    });

    test('slots that only continue others take their turns for long, and change places', async () => {
      await using program = await backend.compile(graphs, weights);
      using cache = program.createCache({ kv, capacity: 80, slots: 1, branches: 3 });
      const prompt = promptRows('n', 4);
      await feed(program, cache, prompt);
      for (const slot of [1, 2, 3]) await cache.extend(0, slot);
      let pasts: HostTensor[] = [prompt, prompt, prompt];
      for (let turn = 0; turn < 30; turn++) {
        const from = turn % 3;
        const to = (from + 1 + ((turn >> 1) % 2)) % 3;
        await cache.extend(from + 1, to + 1);
        pasts[to] = pasts[from]!;
        const next = pasts.map((_, slot) => promptRows(`${turn}.${slot}`, 1));
        const inputs = decoderInputs(join(next), new Array(3).fill(4 + turn));
        const segments = [1, 2, 3].map((slot) => ({ slot, tokens: 1 }));
        const found = await decode(program, 'decode', inputs, { cache, segments });
        pasts = pasts.map((past, slot) => join([past, next[slot]!]));
        if (turn < 28) continue;
        const wanted = await Promise.all(pasts.map((past) => alone([past])));
        expectClose(found, join(wanted), tolerance, `turn ${turn}`);
      }
      await cache.copy(2, 0);
      const found = await feed(program, cache, promptRows('o', 2));
      const wanted = await alone([pasts[1]!, promptRows('o', 2)]);
      expectClose(found, wanted, tolerance, 'taken over');
      await expect(feed(program, cache, promptRows('p', 1), { slot: 3 })).rejects.toThrow(
        'Slot 3 only continues others',
      );
      await expect(cache.copy(0, 3)).rejects.toThrow('Slot 3 only continues others');
    });

    test('a long continuation is taken over as a whole', async () => {
      await using program = await backend.compile(graphs, weights);
      using cache = program.createCache({ kv, capacity: 300, branches: 1 });
      const [prompt, long, last] = [promptRows('p', 5), promptRows('q', 90), promptRows('r', 1)];
      await feed(program, cache, prompt);
      await cache.extend(0, 1);
      await feed(program, cache, long, { slot: 1 });
      await cache.copy(1, 0);
      const found = await feed(program, cache, last);
      expectClose(found, await alone([prompt, long, last]), tolerance, 'taken over');
    });

    test('a continuation ends when what it continues changes, or when it is emptied', async () => {
      await using program = await backend.compile(graphs, weights);
      using cache = program.createCache({ kv, capacity: 16, slots: 3 });
      const prompt = promptRows('j', 4);
      await feed(program, cache, prompt);
      await cache.extend(0, 1);
      await cache.extend(0, 2);
      cache.truncate(2, 1);
      const start = rowsOf(prompt, 0, 2);
      const rows = promptRows('k', 1);
      const shorter = await feed(program, cache, rows, { slot: 1 });
      expectClose(shorter, await alone([start, rows]), tolerance, 'of less');
      const further = await feed(program, cache, rows, { slot: 1 });
      expectClose(further, await alone([start, rows, rows]), tolerance, 'of less, and further');
      cache.truncate(0, 2);
      const fresh = await feed(program, cache, promptRows('l', 2), { slot: 2 });
      expectClose(fresh, await expected('l', 2), tolerance, 'an emptied slot');
      const longer = await feed(program, cache, promptRows('m', 1));
      expectClose(longer, await alone([prompt, promptRows('m', 1)]), tolerance, 'the base');
      expect([0, 1, 2].map((slot) => cache.length(slot))).toEqual([5, 0, 2]);
      await expect(cache.extend(0, 0)).rejects.toThrow('cannot continue itself');
    });

    test('a run names continuations of a slot side by side, and never with it', async () => {
      await using program = await backend.compile(graphs, weights);
      using cache = program.createCache({ kv, capacity: 16, slots: 4 });
      const prompt = promptRows('p', 3);
      for (const slot of [0, 3]) await feed(program, cache, prompt, { slot });
      for (const slot of [1, 2]) await cache.extend(0, slot);
      const run = (slots: readonly number[]) => {
        const positions = slots.map((slot) => cache.length(slot));
        const inputs = decoderInputs(promptRows('q', slots.length), positions);
        const segments = slots.map((slot) => ({ slot, tokens: 1 }));
        return decode(program, 'decode', inputs, { cache, segments });
      };
      await expect(run([0, 1])).rejects.toThrow(
        'Slot 1 continues slot 0, so no run can append to both: run one after the other',
      );
      await expect(run([1, 3, 2])).rejects.toThrow(
        'Slots 1 and 2 continue slot 0, but slot 3 stands between them: name them one after the other',
      );
      expect([0, 1, 2, 3].map((slot) => cache.length(slot))).toEqual([3, 3, 3, 3]);
      const rows = promptRows('q', 3);
      const wanted = [0, 1, 2].map((row) => alone([prompt, rowsOf(rows, row, row + 1)]));
      expectClose(await run([3, 1, 2]), join(await Promise.all(wanted)), tolerance, 'side by side');
    });

    test('a full cache is an error that says what to do, and changes nothing', async () => {
      await using program = await backend.compile(graphs, weights);
      using cache = program.createCache({ kv, capacity: 8 });
      await feed(program, cache, rowsOf(promptRows('f', 8), 0, 6));
      await expect(feed(program, cache, promptRows('too many', 3))).rejects.toThrow(
        '3 new tokens do not fit: the cache holds 6 of 8',
      );
      const found = await feed(program, cache, rowsOf(promptRows('f', 8), 6, 8));
      expectClose(found, await expected('f', 8), tolerance, 'after the refusal');
    });

    test('a cache that grows keeps what its slots hold, each as long as it is', async () => {
      await using program = await backend.compile(graphs, weights);
      using cache = program.createCache({ kv, capacity: 7, slots: 2 });
      const [x, y] = [promptRows('grown', 300), promptRows('beside', 90)];
      await feed(program, cache, rowsOf(x, 0, 6));
      await feed(program, cache, rowsOf(y, 0, 3), { slot: 1 });
      for (const [capacity, length] of [
        [90, 80],
        [40, 90],
        [300, 300],
      ] as const) {
        await cache.grow({ capacity });
        const found = await feed(program, cache, rowsOf(x, cache.length(), length));
        expectClose(found, await expected('grown', length), tolerance, `grown to ${capacity}`);
      }
      expect([cache.capacity, cache.slots, cache.length(1)]).toEqual([300, 2, 3]);
      const found = await feed(program, cache, rowsOf(y, 3, 90), { slot: 1 });
      expectClose(found, await expected('beside', 90), tolerance, 'the other slot');
    });

    test('a cache that cannot grow so far is as it was, and goes on', async () => {
      await using program = await backend.compile(graphs, weights);
      using cache = program.createCache({ kv, capacity: 8 });
      const x = promptRows('whole', 8);
      await feed(program, cache, rowsOf(x, 0, 5));
      // Where memory is only asked for when it is used, there may be no refusal.
      const refused = await cache.grow({ capacity: 2 ** 45 }).catch((error) => error);
      if (refused) {
        expect(['CacheMemoryError', 'UnsupportedError']).toContain(refused.name);
        expect(cache.capacity).toBe(8);
      }
      const found = await feed(program, cache, rowsOf(x, 5, 8));
      expectClose(found, await expected('whole', 8), tolerance, 'after the refusal');
    });

    test('a cache that grows may get more slots that continue others, which go on', async () => {
      await using program = await backend.compile(graphs, weights);
      using cache = program.createCache({ kv, capacity: 8, branches: 1 });
      const prompt = promptRows('s', 5);
      const [one, two] = ['one', 'two'].map((seed) => promptRows(seed, 2));
      await feed(program, cache, prompt);
      await cache.extend(0, 1);
      await feed(program, cache, one!, { slot: 1 });
      await cache.grow({ capacity: 20, slots: 3 });
      await cache.extend(1, 2);
      for (const slot of [1, 2]) {
        const found = await feed(program, cache, two!, { slot });
        expectClose(found, await alone([prompt, one!, two!]), tolerance, `slot ${slot}`);
      }
      await cache.copy(2, 0);
      const found = await feed(program, cache, promptRows('t', 9));
      expectClose(
        found,
        await alone([prompt, one!, two!, promptRows('t', 9)]),
        tolerance,
        'taken over',
      );
      await expect(feed(program, cache, one!, { slot: 2 })).rejects.toThrow(
        'only continues others',
      );
      expect(cache.slots).toBe(3);
    });

    test.runIf(kv !== 'float32')('what is kept is rounded', async () => {
      await using program = await backend.compile(graphs, weights);
      using cache = program.createCache({ kv, capacity: 64 });
      const x = promptRows('kept', 61);
      await feed(program, cache, rowsOf(x, 0, 60));
      const found = await feed(program, cache, rowsOf(x, 60, 61));
      const wide = await expected('kept', 61);
      expect(relativeError(floatsOf(found), floatsOf(wide))).toBeGreaterThan(1e-5);
    });

    test('an aborted run rejects with its reason and leaves the cache as it was', async () => {
      await using program = await backend.compile(graphs, weights);
      using cache = program.createCache({ kv, capacity: 8 });
      await feed(program, cache, rowsOf(promptRows('g', 6), 0, 4));
      const reason = new Error('enough');
      const signal = AbortSignal.abort(reason);
      await expect(feed(program, cache, promptRows('lost', 2), { signal })).rejects.toBe(reason);
      expect(cache.length()).toBe(4);
      const found = await feed(program, cache, rowsOf(promptRows('g', 6), 4, 6));
      expectClose(found, await expected('g', 6), tolerance, 'after the abort');
    });
  });
}

function join(parts: readonly HostTensor[]): HostTensor {
  const width = parts[0]!.shape[1]!;
  const data = Float32Array.from(parts.flatMap((part) => [...part.data]));
  return { dtype: 'float32', shape: [data.length / width, width], data };
}

function floatsOf({ data }: HostTensor): Float32Array {
  return data as Float32Array;
}

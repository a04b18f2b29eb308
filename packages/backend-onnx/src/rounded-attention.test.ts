import { roundRow } from '@lingbi/core';
import { randomFloats, relativeError } from '@lingbi/core/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { missingKernels } from './kernels.ts';
import {
  type AttendedText,
  exactAttention,
  goneOn,
  roundableText,
  textKeptIn,
  textOfRows,
  withNumber,
} from './test-tools/attended-text.ts';
import { operatorsOf } from './test-tools/attention-operators.ts';
import {
  type Attention,
  open,
  read,
  readingError,
  roundedFor,
  TOLERANCE,
} from './test-tools/run-attention.ts';

const missing = missingKernels();
const kv = 'int8';

describe.skipIf(missing)('attention to a past in int8 by a kernel of ours', () => {
  test.each([16, 32, 48, 64, 96, 128, 256])('knows heads of %i numbers', async (headDim) => {
    const of = { heads: 4, kvHeads: 2, headDim };
    expect(operatorsOf(of, 'int8Slot')).toContain('AttendToRounded');
    await using program = await open(of);
    for (const lengths of [
      [1, 17, 33, 49, 2, 100],
      [100, 5, 1],
    ]) {
      await expectExact(program, roundableText(`${headDim}`, of, sum(lengths)), lengths);
    }
  });

  test.each([1, 2, 3, 4])('lets %i heads of queries share one of keys', async (group) => {
    const of = { heads: 3 * group, kvHeads: 3, headDim: 32 };
    await using program = await open(of);
    const lengths = [1, 2, 8, 9, 17, 33, 100];
    await expectExact(program, roundableText('text', of, sum(lengths)), lengths);
    await expectExact(program, roundableText('text', of, sum(lengths)), lengths.toReversed());
  });

  test('joins what it finds in parts of a long past, and goes on after a cut with other rows', async () => {
    const of = { heads: 2, kvHeads: 1, headDim: 64 };
    await using program = await open(of);
    using cache = program.createCache({ kv, capacity: 2300 });
    let text = roundableText('text', of, 2300);
    await read(program, cache, [{ text, to: 2200 }]);
    for (const past of [2100, 1025, 1024, 1023, 65, 64, 63, 33, 32, 31, 1, 0]) {
      for (const tokens of [1, 2, 8, 17, 33]) {
        cache.truncate(past);
        text = goneOn(text, past, roundableText(`${past} ${tokens}`, of, tokens + 1));
        for (const to of [past + tokens, past + tokens + 1]) {
          const parts = [{ text, to, rounded: roundedFor(of, cache.length(), to) }];
          const error = await readingError(program, cache, parts);
          expect(error, `up to ${to} after ${past}`).toBeLessThan(TOLERANCE);
        }
      }
    }
  });

  test.each(['float32', 'float16', 'int8'] as const)(
    'nine tokens find at once what they find one by one, to the bit, over %s',
    async (kv) => {
      const of = { heads: 8, kvHeads: 2, headDim: 64 };
      await using program = await open(of);
      const text = textKeptIn(kv, 'text', of, 1500);
      using together = program.createCache({ kv, capacity: 1500 });
      using alone = program.createCache({ kv, capacity: 1500 });
      for (const past of [1, 31, 1020, 1400]) {
        for (const cache of [together, alone]) await read(program, cache, [{ text, to: past }]);
        const { data } = await read(program, together, [{ text, to: past + 9 }]);
        const found: number[] = [];
        for (let to = past + 1; to <= past + 9; to++) {
          found.push(...(await read(program, alone, [{ text, to }])).data);
        }
        expect(relativeError(found, data), `after ${past}`).toBe(0);
      }
    },
  );

  test('reads several slots at once, also after copies and growth', async () => {
    const of = { heads: 4, kvHeads: 2, headDim: 48 };
    await using program = await open(of);
    using cache = program.createCache({ kv, capacity: 210, slots: 3 });
    const texts = [200, 1, 70].map((length, slot) => roundableText(`${slot}`, of, 2 * length + 60));
    const expectRead = async (...lengths: readonly number[]) => {
      const parts = lengths.map((tokens, slot) => {
        const past = cache.length(slot);
        const to = past + tokens;
        return { slot, text: texts[slot]!, to, rounded: roundedFor(of, past, to) };
      });
      expect(await readingError(program, cache, parts), `${lengths}`).toBeLessThan(TOLERANCE);
    };
    await expectRead(200, 1, 70);
    await expectRead(1, 1, 1);
    await expectRead(9, 40, 1);
    await cache.copy(0, 1);
    texts[1] = goneOn(texts[0]!, cache.length(1), roundableText('copied', of, 60));
    await cache.grow({ capacity: 400 });
    await expectRead(1, 1, 1);
    await expectRead(20, 50, 9);
    cache.truncate(3, 0);
    await cache.copy(0, 2);
    texts[2] = goneOn(texts[0]!, 3, roundableText('again', of, 100));
    await expectRead(2, 1, 100);
  });

  test('is exact for any heads, lengths, cuts and slots', async () => {
    const heads = fc
      .record({
        group: fc.integer({ min: 1, max: 4 }),
        kvHeads: fc.integer({ min: 1, max: 3 }),
        lines: fc.integer({ min: 1, max: 16 }),
      })
      .map(({ group, kvHeads, lines }) => ({
        ...{ heads: group * kvHeads, kvHeads, headDim: 16 * lines },
      }));
    const step = fc.record({
      slot: fc.integer({ min: 0, max: 1 }),
      cut: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 40 })),
      tokens: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 13, max: 90 })),
      isCopied: fc.boolean(),
    });
    const schedule = fc.array(step, { minLength: 1, maxLength: 8 });
    const size = fc.constantFrom(1e-3, 1, 2);
    await fc.assert(
      fc.asyncProperty(heads, schedule, size, fc.string(), async (of, schedule, size, seed) => {
        await using program = await open(of);
        using cache = program.createCache({ kv, capacity: 8 * 90, slots: 2 });
        const texts = [0, 1].map(() => roundableText('', of, 0));
        for (const [turn, { slot, cut, tokens, isCopied }] of schedule.entries()) {
          if (isCopied) await cache.copy(1 - slot, slot);
          cache.truncate(Math.max(0, cache.length(slot) - cut), slot);
          const past = cache.length(slot);
          const own = roundableText(`${seed} ${turn}`, of, tokens, size);
          texts[slot] = goneOn(texts[isCopied ? 1 - slot : slot]!, past, own);
          const to = past + tokens;
          const part = { slot, text: texts[slot]!, to, rounded: roundedFor(of, past, to) };
          expect(await readingError(program, cache, [part])).toBeLessThan(TOLERANCE);
        }
      }),
      { numRuns: 30 },
    );
  });

  test('rounds values as core does', async () => {
    const of = { heads: 1, kvHeads: 1, headDim: 32 };
    await using program = await open(of);
    using cache = program.createCache({ kv, capacity: 21 });
    const values = Array.from({ length: 20 }, (_, token) => numbers(`${token}`));
    const rows = values.map((value, token) => ({ key: oneAt(token, 1), value }));
    for (const [token, value] of values.entries()) {
      cache.truncate(0);
      const text = textOfRows([...rows, { query: oneAt(token, 1000) }], of);
      await read(program, cache, [{ text, to: 20 }]);
      const { data } = await read(program, cache, [{ text, to: 21 }]);
      expect(largestDifference(data, rounded(value)), `token ${token}`).toBeLessThan(1e-3);
    }
  });

  test('rounds keys as core does', async () => {
    const of = { heads: 1, kvHeads: 1, headDim: 32 };
    await using program = await open(of);
    using cache = program.createCache({ kv, capacity: 3 });
    const key = numbers('key');
    const found = new Float32Array(32);
    for (const place of key.keys()) {
      cache.truncate(0);
      const asking = { query: oneAt(place, 4), key: oneAt(place, -4000) };
      const text = textOfRows([{}, { key, value: oneAt(0, 1) }, asking], of);
      await read(program, cache, [{ text, to: 2 }]);
      const { data } = await read(program, cache, [{ text, to: 3 }]);
      // Between a position that scores 0 and the one of the key, which shows 1.
      found[place] = Math.log(data[0]! / (1 - data[0]!)) * (Math.sqrt(32) / 4);
    }
    expect(largestDifference(found, rounded(key))).toBeLessThan(1e-3);
  });

  test('keeps rows of zeros, and of next to nothing, as zeros', async () => {
    const of = { heads: 2, kvHeads: 1, headDim: 16 };
    await using program = await open(of);
    for (const number of [0, 1e-31, -1e-38]) {
      const text = roundableText('text', of, 60);
      for (const token of [0, 3, 34]) text.qkv.data.fill(number, token * 64 + 32, token * 64 + 64);
      await expectExact(program, text, [2, 5, 40, 1, 12]);
    }
  });

  test.each([NaN, Infinity, -Infinity])('%d is seen from its row on', async (number) => {
    const of = { heads: 2, kvHeads: 1, headDim: 16 };
    await using program = await open(of);
    const clean = roundableText('text', of, 120);
    for (const at of [32 + 5, 48 + 5]) {
      // a key, a value
      const texts = [withNumber(clean, 40, at, number), clean];
      using cache = program.createCache({ kv, capacity: 120, slots: 2 });
      for (const [from, to] of [
        [0, 40],
        [40, 50],
        [50, 51],
        [51, 100],
      ] as const) {
        const { data } = await read(
          program,
          cache,
          texts.map((text, slot) => ({ text, slot, to })),
        );
        const [own, beside] = [data.subarray(0, data.length / 2), data.subarray(data.length / 2)];
        const wanted = exactAttention(clean, from, to, roundedFor(of, from, to));
        expect(relativeError(beside, wanted), 'another slot').toBeLessThan(TOLERANCE);
        if (from < 40) expect(relativeError(own, wanted)).toBeLessThan(TOLERANCE);
        if (from > 40) expect(own.every(Number.isNaN), `${at} from ${from}`).toBe(true);
      }
      cache.truncate(40);
      const parts = [{ text: clean, to: 100, rounded: 40 }];
      expect(await readingError(program, cache, parts), 'cut off').toBeLessThan(TOLERANCE);
    }
  });

  test.each([2, 60])('%i tokens see no number that is none of one after them', async (tokens) => {
    const of = { heads: 2, kvHeads: 1, headDim: 16 };
    await using program = await open(of);
    for (const kv of ['float32', 'int8'] as const) {
      for (const at of [32 + 5, 48 + 5]) {
        const clean = roundableText('text', of, 20 + tokens);
        const text = withNumber(clean, 20 + tokens - 1, at, NaN);
        using cache = program.createCache({ kv, capacity: 100 });
        await read(program, cache, [{ text, to: 20 }]);
        const { data } = await read(program, cache, [{ text, to: 20 + tokens }]);
        const last = 20 + tokens - 1;
        const rounded = kv === 'int8' ? Math.min(last, roundedFor(of, 20, last + 1)) : 0;
        const wanted = exactAttention(clean, 20, last, rounded);
        expect(relativeError(data.subarray(0, -32), wanted), kv).toBeLessThan(TOLERANCE);
        expect(data.subarray(-32).some(Number.isNaN)).toBe(true);
      }
    }
  });

  test('reads nothing that stands behind a sequence', async () => {
    const of = { heads: 4, kvHeads: 2, headDim: 64 };
    await using program = await open(of);
    const text = roundableText('text', of, 300);
    const strange = { ...text, qkv: { ...text.qkv, data: text.qkv.data.map(() => NaN) } };
    using cache = program.createCache({ kv, capacity: 300 });
    using fresh = program.createCache({ kv, capacity: 300 });
    await read(program, cache, [{ text: strange as AttendedText, to: 300 }]);
    cache.truncate(0);
    for (const to of [1, 6, 23, 90, 91, 200]) {
      const found = await read(program, cache, [{ text, to }]);
      const wanted = await read(program, fresh, [{ text, to }]);
      expect(found.data, `up to ${to}`).toEqual(wanted.data);
    }
  });

  test("differs from ONNX Runtime's by rounding only", async () => {
    const of = { heads: 6, kvHeads: 2, headDim: 64 };
    await using ours = await open(of);
    await using theirs = await open(of, 'onnxruntime');
    for (const kind of ['int8', 'int8Chunk'] as const) {
      expect(operatorsOf(of, kind, false)).not.toContain('AttendTo');
    }
    const text = roundableText('text', of, 149);
    const found: Float32Array[] = [];
    for (const program of [ours, theirs]) {
      using cache = program.createCache({ kv, capacity: 200 });
      const numbers: number[] = [];
      for (const to of [100, 140, 141, 149]) {
        numbers.push(...(await read(program, cache, [{ text, to }])).data);
      }
      found.push(Float32Array.from(numbers));
    }
    expect(relativeError(found[0]!, found[1]!)).toBeLessThan(5e-4);
  });

  test.each([8, 24, 272])('is left to ONNX Runtime for heads of %i numbers', async (headDim) => {
    const of = { heads: 4, kvHeads: 2, headDim };
    for (const kind of ['int8', 'int8Chunk'] as const) {
      expect(operatorsOf(of, kind)).not.toContain('AttendTo');
    }
    await using program = await open(of);
    using cache = program.createCache({ kv, capacity: 63 });
    const text = roundableText('text', of, 63);
    for (const to of [40, 41, 46, 63]) {
      const error = await readingError(program, cache, [{ text, to, rounded: cache.length() }]);
      expect(error, `up to ${to}`).toBeLessThan(5e-4);
    }
  });
});

async function expectExact(
  program: Attention,
  text: AttendedText,
  lengths: readonly number[],
): Promise<void> {
  using cache = program.createCache({ kv, capacity: text.tokens });
  for (const tokens of lengths) {
    const past = cache.length();
    const part = { text, to: past + tokens, rounded: roundedFor(text.of, past, past + tokens) };
    const error = await readingError(program, cache, [part]);
    expect(error, `${tokens} tokens after ${past}`).toBeLessThan(TOLERANCE);
  }
}

/** A row of a head of 32, up to 2. */
function numbers(seed: string): Float32Array {
  return randomFloats(seed, [32], 2).data as Float32Array;
}

function oneAt(place: number, number: number): Float32Array {
  return new Float32Array(32).fill(number, place, place + 1);
}

interface RoundedRow {
  readonly steps: Int8Array;
  readonly worth: number;
}

function rounded(row: Float32Array): RoundedRow {
  const steps = new Int8Array(row.length);
  return { steps, worth: roundRow(row, 0, row.length, steps, 0) };
}

/** In steps. */
function largestDifference(found: Float32Array, { steps, worth }: RoundedRow): number {
  return Math.max(...Array.from(steps, (step, i) => Math.abs(found[i]! / worth - step)));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0);
}

import { add, attention, type KvFormat, trace, UnsupportedError } from '@lingbi/core';
import { noiseWeights, relativeError } from '@lingbi/core/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { onnx } from './backend.ts';
import { missingKernels } from './kernels.ts';
import { positionBytes } from './position-bytes.ts';
import {
  type AttendedText,
  attentionGraph,
  exactAttention,
  imaginedText,
  roundableText,
  rowsOf,
  textKeptIn,
  withNumber,
} from './test-tools/attended-text.ts';
import { operatorsOf } from './test-tools/attention-operators.ts';
import { type Attention, open, read, readingError, TOLERANCE } from './test-tools/run-attention.ts';

const missing = missingKernels();

describe.skipIf(missing).each(['float32', 'float16'] as const)(
  'attention to a past in %s',
  (kv) => {
    const textOf = (...[seed, of, tokens, size]: Parameters<typeof imaginedText>) =>
      textKeptIn(kv, seed, of, tokens, size);

    test.each([16, 32, 48, 64, 80, 96, 128, 144, 192, 256])(
      'knows heads of %i numbers',
      async (headDim) => {
        const of = { heads: 4, kvHeads: 2, headDim };
        expect(operatorsOf(of, kv === 'float16' ? 'halfSlots' : 'slots')).toContain(
          kv === 'float16' ? 'AttendToHalfPast' : 'AttendToPast',
        );
        await using program = await open(of);
        for (const lengths of [
          [1, 17, 33, 49, 2, 100],
          [100, 5, 1],
        ]) {
          await expectExact(program, kv, textOf(`${headDim}`, of, sum(lengths)), lengths);
        }
      },
    );

    test.each([
      [1, 128],
      [1, 32],
      [2, 32],
      [3, 32],
      [4, 32],
    ])('lets %i heads of queries share one of keys, of %i numbers', async (group, headDim) => {
      const of = { heads: 3 * group, kvHeads: 3, headDim };
      await using program = await open(of);
      const lengths = [1, 2, 5, 8, 9, 11, 16, 17, 32, 33, 49, 100];
      await expectExact(program, kv, textOf('text', of, sum(lengths)), lengths);
      await expectExact(program, kv, textOf('text', of, sum(lengths)), lengths.toReversed());
    });

    test('joins what it finds in parts of a long past', async () => {
      const of = { heads: 6, kvHeads: 2, headDim: 64 };
      await using program = await open(of);
      const text = textOf('text', of, 2200);
      using cache = program.createCache({ kv, capacity: 2200 });
      await read(program, cache, [{ text, to: 2200 }]);
      for (const past of [2100, 2047, 1025, 1024, 1023, 65, 64, 63, 1, 0]) {
        for (const tokens of [1, 5, 17, 49]) {
          cache.truncate(past);
          const error = await readingError(program, cache, [{ text, to: past + tokens }]);
          expect(error, `${tokens} tokens after ${past}`).toBeLessThan(TOLERANCE);
        }
      }
    });

    test.each([
      [1, 128],
      [2, 128],
      [3, 64],
      [2, 80],
    ])(
      'gives each of several tokens the very bits that it has alone: %i × %i',
      async (group, headDim) => {
        const of = { heads: 2 * group, kvHeads: 2, headDim };
        await using program = await open(of);
        const text = textOf('text', of, 1100);
        using cache = program.createCache({ kv, capacity: 1100 });
        await read(program, cache, [{ text, to: 1100 }]);
        for (const past of [1030, 1021, 500, 255, 193, 190, 64, 61, 1, 0]) {
          for (const tokens of [2, 3, 4, 5, 7]) {
            cache.truncate(past);
            const { data: together } = await read(program, cache, [{ text, to: past + tokens }]);
            cache.truncate(past);
            const alone: number[] = [];
            for (let to = past + 1; to <= past + tokens; to++) {
              alone.push(...(await read(program, cache, [{ text, to }])).data);
            }
            expect(alone, `${tokens} tokens after ${past}`).toEqual([...together]);
          }
        }
      },
    );

    test('reads the tokens of sequences of unlike lengths at once', async () => {
      const of = { heads: 4, kvHeads: 2, headDim: 48 };
      await using program = await open(of);
      using cache = program.createCache({ kv, capacity: 1100, slots: 5 });
      const texts = [1040, 1, 70, 1024, 300].map((length, slot) => ({
        ...{ slot, from: length, to: length + 1 },
        text: textOf(`${slot}`, of, length + 4),
      }));
      for (const { text, slot, from } of texts) {
        await read(program, cache, [{ text, slot, to: from }]);
      }
      for (let step = 0; step < 3; step++) {
        const parts = texts.map(({ from, to, ...rest }) => ({
          ...rest,
          from: from + step,
          to: to + step,
        }));
        expect(await readingError(program, cache, parts)).toBeLessThan(TOLERANCE);
      }
    });

    test('is exact for any heads, lengths and slots', async () => {
      const heads = fc
        .record({
          group: fc.integer({ min: 1, max: 5 }),
          kvHeads: fc.integer({ min: 1, max: 3 }),
          lines: fc.integer({ min: 1, max: 16 }),
        })
        .map(({ group, kvHeads, lines }) => ({
          ...{ heads: group * kvHeads, kvHeads, headDim: 16 * lines },
        }));
      const lengths = fc.array(
        fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 13, max: 150 })),
        { minLength: 1, maxLength: 5 },
      );
      const slots = fc.array(lengths, { minLength: 1, maxLength: 3 });
      const size = fc.constantFrom(1e-3, 1, 2);
      await fc.assert(
        fc.asyncProperty(heads, slots, size, fc.string(), async (of, slots, size, seed) => {
          await using program = await open(of);
          using cache = program.createCache({ kv, capacity: 800, slots: 3 });
          const texts = slots.map((lengths, slot) =>
            textOf(`${seed} ${slot}`, of, sum(lengths), size),
          );
          for (let step = 0; step < 5; step++) {
            const parts = slots.flatMap((lengths, slot) => {
              const from = sum(lengths.slice(0, step));
              const to = from + (lengths[step] ?? 0);
              return to > from ? [{ text: texts[slot]!, slot, from, to }] : [];
            });
            if (parts.length === 0) return;
            expect(await readingError(program, cache, parts)).toBeLessThan(TOLERANCE);
          }
        }),
        { numRuns: 40 },
      );
    });

    test('finds one token after the other what it finds in all at once', async () => {
      const of = { heads: 4, kvHeads: 2, headDim: 128 };
      await using program = await open(of);
      const text = textOf('text', of, 90);
      using cache = program.createCache({ kv, capacity: 90 });
      const together = await read(program, cache, [{ text, to: 90 }]);
      cache.truncate(0);
      const alone: number[] = [];
      for (let to = 1; to <= 90; to++) {
        alone.push(...(await read(program, cache, [{ text, to }])).data);
      }
      expect(relativeError(alone, together.data)).toBeLessThan(TOLERANCE);
    });

    test('reads nothing that stands behind a sequence', async () => {
      const of = { heads: 4, kvHeads: 2, headDim: 64 };
      await using program = await open(of);
      const text = textOf('text', of, 300);
      const strange = { ...text, qkv: { ...text.qkv, data: text.qkv.data.map(() => Number.NaN) } };
      using cache = program.createCache({ kv, capacity: 300, slots: 2 });
      using fresh = program.createCache({ kv, capacity: 300, slots: 2 });
      for (const slot of [0, 1]) {
        await read(program, cache, [{ text: strange as AttendedText, slot, to: 300 }]);
        cache.truncate(0, slot);
      }
      for (const to of [1, 6, 23, 90, 91, 200]) {
        const [found, wanted] = [
          await read(program, cache, [{ text, slot: 1, to }]),
          await read(program, fresh, [{ text, slot: 1, to }]),
        ];
        expect(found.data, `up to ${to}`).toEqual(wanted.data);
      }
      const unlike = [
        { text, slot: 0, to: 1 },
        { text, slot: 1, to: 201 },
      ];
      const [found, wanted] = [
        await read(program, cache, unlike),
        await read(program, fresh, unlike),
      ];
      expect(found.data).toEqual(wanted.data);
    });

    test('does not overflow over huge scores', async () => {
      const of = { heads: 4, kvHeads: 2, headDim: 64 };
      await using program = await open(of);
      const text = textOf('text', of, 112, 100); // scores up to ± 2e4
      // Rounding may move such scores by thousandths.
      await expectExact(program, kv, text, [50, 1, 10, 50, 1], 2e-2);
    });

    test.each([1, 60])(
      'keeps a row that is no number to its sequence (%i tokens)',
      async (tokens) => {
        const of = { heads: 4, kvHeads: 2, headDim: 32 };
        await using program = await open(of);
        const clean = [0, 1, 2].map((slot) => textOf(`${slot}`, of, tokens + 1));
        const width = 4 * 32;
        for (const at of [0, 4 * 32, 6 * 32]) {
          // a query, a key, a value
          const texts = clean.map((text, slot) =>
            slot === 1 ? withNumber(text, 0, at, NaN) : text,
          );
          using cache = program.createCache({ kv, capacity: 100, slots: 3 });
          for (const [from, to] of [
            [0, tokens],
            [tokens, tokens + 1],
          ] as const) {
            const parts = texts.map((text, slot) => ({ text, slot, from, to }));
            const found = await read(program, cache, parts);
            const wanted = clean.map((text) => exactAttention(text, from, to));
            for (const slot of [0, 2]) {
              const own = found.data.slice(
                slot * wanted[0]!.length,
                (slot + 1) * wanted[0]!.length,
              );
              expect(relativeError(own, wanted[slot]!)).toBeLessThan(TOLERANCE);
            }
            const strange = found.data.slice(wanted[0]!.length, wanted[0]!.length + width);
            const isSeen = at > 0 || from === 0; // what a query of a token was is soon forgotten
            expect(strange.some(Number.isNaN)).toBe(isSeen);
          }
        }
      },
    );

    test('sees a key that is no number wherever it stands', async () => {
      const of = { heads: 1, kvHeads: 1, headDim: 16 };
      await using program = await open(of);
      for (const position of [0, 1000, 1023, 1024, 1025]) {
        const text = withNumber(textOf('text', of, 1100), position, 16, NaN);
        using cache = program.createCache({ kv, capacity: 1100 });
        await read(program, cache, [{ text, to: Math.max(1, position) }]);
        for (const to of [position + 1, position + 2, position + 60]) {
          if (to <= cache.length()) continue;
          const { data } = await read(program, cache, [{ text, to }]);
          expect(
            data.filter((each) => !Number.isNaN(each)),
            `${position}, ${to}`,
          ).toEqual(new Float32Array(0));
        }
      }
    });
  },
);

describe.skipIf(missing)('a past in float16', () => {
  const of = { heads: 4, kvHeads: 2, headDim: 64 };

  test('is that in float32 but for the rounding of its numbers, also of those of the run itself', async () => {
    await using program = await open(of);
    const text = roundableText('text', of, 90);
    using cache = program.createCache({ kv: 'float16', capacity: 90 });
    for (const to of [40, 41, 90]) {
      const error = await readingError(program, cache, [{ text, to }]);
      expect(error).toBeGreaterThan(1e-5);
      expect(error).toBeLessThan(2e-3);
    }
  });

  test.each([1, 60])(
    'has no end beyond 65,504, for who sees such a number (after %i tokens)',
    async (tokens) => {
      await using program = await open(of);
      const clean = textKeptIn('float16', 'text', of, tokens + 1);
      const width = of.heads * of.headDim;
      for (const at of [width, width + of.kvHeads * of.headDim]) {
        // a key, a value
        const text = withNumber(clean, tokens, at, 66_000);
        using cache = program.createCache({ kv: 'float16', capacity: tokens + 1 });
        const { data } = await read(program, cache, [{ text, to: tokens + 1 }]);
        const before = data.subarray(0, tokens * width);
        expect(relativeError(before, exactAttention(clean, 0, tokens))).toBeLessThan(TOLERANCE);
        expect(data.subarray(tokens * width).every(Number.isFinite)).toBe(false);
      }
    },
  );

  test('takes half the memory', () => {
    const layer = { layer: 0, ...of };
    expect(2 * positionBytes(layer, 'float16')).toBe(positionBytes(layer, 'float32'));
  });

  test.each([
    ['of ONNX Runtime', of, { kernels: 'onnxruntime' }, 'float16 only for kernels of its own'],
    ['of heads none of ours knows', { ...of, headDim: 24 }, {}, "the model's heads"],
  ] as const)('is refused with attention %s', async (_, heads, options, message) => {
    const graphs = { attend: attentionGraph(heads) };
    await using program = await onnx({ threads: 1, ...options }).compile(graphs, noiseWeights([]));
    const create = () => program.createCache({ kv: 'float16', capacity: 9 });
    expect(create).toThrow(UnsupportedError);
    expect(create).toThrow(message);
  });

  test('is refused to a graph that came later, in which no kernel of ours attends', async () => {
    await using program = await open(of);
    using cache = program.createCache({ kv: 'float16', capacity: 9 });
    const text = imaginedText('text', of, 2);
    const { heads, kvHeads, headDim } = of;
    const angles = { shape: ['tokens', headDim / 2], dtype: 'float32' } as const;
    const qkv = { shape: ['tokens', text.qkv.shape[1]!], dtype: 'float32' } as const;
    const late = trace('late', { qkv, cos: angles, sin: angles }, ({ qkv, cos, sin }) => ({
      y: attention(qkv, { cos, sin }, { heads, cache: { layer: 0, kvHeads, headDim } }),
      angles: add(cos, sin), // which are no table then
    }));
    await using extension = await program.extend({ late }, noiseWeights([]));
    const run = extension.run('late', rowsOf([{ text, from: 0, to: 2 }]), { cache });
    await expect(run).rejects.toThrow(UnsupportedError);
    await expect(run).rejects.toThrow('the angles of "late"');
    expect(await readingError(program, cache, [{ text, to: 2 }])).toBeLessThan(2e-3);
    using wide = program.createCache({ capacity: 9 });
    await extension.run('late', rowsOf([{ text, from: 0, to: 2 }]), { cache: wide });
  });
});

describe.skipIf(missing)('attention to a past by a kernel of ours', () => {
  test("differs from ONNX Runtime's by rounding only", async () => {
    const of = { heads: 6, kvHeads: 2, headDim: 64 };
    await using ours = await open(of);
    await using theirs = await open(of, 'onnxruntime');
    expect(operatorsOf(of, 'slots', false)).not.toContain('AttendToPast');
    const text = imaginedText('text', of, 141);
    const found: Float32Array[] = [];
    for (const program of [ours, theirs]) {
      using cache = program.createCache({ capacity: 200 });
      const numbers: number[] = [];
      for (const to of [100, 140, 141]) {
        numbers.push(...(await read(program, cache, [{ text, to }])).data);
      }
      found.push(Float32Array.from(numbers));
    }
    expect(relativeError(found[0]!, found[1]!)).toBeLessThan(TOLERANCE);
  });

  test.each([8, 24, 272])('is left to ONNX Runtime for heads of %i numbers', async (headDim) => {
    const of = { heads: 4, kvHeads: 2, headDim };
    expect(operatorsOf(of)).not.toContain('AttendToPast');
    await using program = await open(of);
    await expectExact(program, 'float32', imaginedText('text', of, 63), [40, 1, 5, 17], 1e-5);
  });
});

async function expectExact(
  program: Attention,
  kv: KvFormat,
  text: AttendedText,
  lengths: readonly number[],
  tolerance = TOLERANCE,
): Promise<void> {
  using cache = program.createCache({ kv, capacity: text.tokens });
  for (const tokens of lengths) {
    const past = cache.length();
    const error = await readingError(program, cache, [{ text, to: past + tokens }]);
    expect(error, `${tokens} tokens after ${past}`).toBeLessThan(tolerance);
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0);
}

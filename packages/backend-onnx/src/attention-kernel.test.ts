import { relativeError } from '@lingbi/core/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { missingKernels } from './kernels.ts';
import { lowerGraph } from './lower-graph.ts';
import {
  type AttendedText,
  attentionGraph,
  exactAttention,
  type Heads,
  imaginedText,
} from './test-tools/attended-text.ts';
import { type Attention, open, read } from './test-tools/run-attention.ts';
import { type OperatorInput, runOperator } from './test-tools/run-operator.ts';

const missing = missingKernels();
/** Of the largest number that is right: float32 sums in whatever order. */
const TOLERANCE = 3e-6;

describe.skipIf(missing)('attention to a past by a kernel of ours', () => {
  test.each([16, 32, 48, 64, 96, 128, 256])('knows heads of %i numbers', async (headDim) => {
    const of = { heads: 4, kvHeads: 2, headDim };
    expect(operatorsOf(of)).toContain('AttendToPast');
    await using program = await open(of);
    for (const lengths of [
      [1, 17, 33, 49, 2, 100],
      [100, 5, 1],
    ]) {
      await expectExact(program, imaginedText(`${headDim}`, of, sum(lengths)), lengths);
    }
  });

  test.each([1, 2, 3, 4])('lets %i heads of queries share one of keys', async (group) => {
    const of = { heads: 3 * group, kvHeads: 3, headDim: 32 };
    await using program = await open(of);
    const lengths = [1, 2, 5, 8, 9, 11, 16, 17, 32, 33, 49, 100];
    await expectExact(program, imaginedText('text', of, sum(lengths)), lengths);
    await expectExact(program, imaginedText('text', of, sum(lengths)), lengths.toReversed());
  });

  test('joins what it finds in parts of a long past', async () => {
    const of = { heads: 6, kvHeads: 2, headDim: 64 };
    await using program = await open(of);
    const text = imaginedText('text', of, 2200);
    using cache = program.createCache({ capacity: 2200 });
    await read(program, cache, [{ text, to: 2200 }]);
    for (const past of [2100, 2047, 1025, 1024, 1023, 65, 64, 63, 1, 0]) {
      for (const tokens of [1, 5, 17, 49]) {
        cache.truncate(past);
        const found = await read(program, cache, [{ text, to: past + tokens }]);
        const error = relativeError(found.data, exactAttention(text, past, past + tokens));
        expect(error, `${tokens} tokens after ${past}`).toBeLessThan(TOLERANCE);
      }
    }
  });

  test('reads the tokens of sequences of unlike lengths at once', async () => {
    const of = { heads: 4, kvHeads: 2, headDim: 48 };
    await using program = await open(of);
    using cache = program.createCache({ capacity: 1100, slots: 5 });
    const texts = [1040, 1, 70, 1024, 300].map((length, slot) => ({
      ...{ slot, from: length, to: length + 1 },
      text: imaginedText(`${slot}`, of, length + 4),
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
      const found = await read(program, cache, parts);
      const wanted = parts.flatMap(({ text, from, to }) => [...exactAttention(text, from, to)]);
      expect(relativeError(found.data, wanted)).toBeLessThan(TOLERANCE);
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
        using cache = program.createCache({ capacity: 800, slots: 3 });
        const texts = slots.map((lengths, slot) =>
          imaginedText(`${seed} ${slot}`, of, sum(lengths), size),
        );
        for (let step = 0; step < 5; step++) {
          const parts = slots.flatMap((lengths, slot) => {
            const from = sum(lengths.slice(0, step));
            const to = from + (lengths[step] ?? 0);
            return to > from ? [{ text: texts[slot]!, slot, from, to }] : [];
          });
          if (parts.length === 0) return;
          const found = await read(program, cache, parts);
          const wanted = parts.flatMap(({ text, from, to }) => [...exactAttention(text, from, to)]);
          expect(relativeError(found.data, wanted)).toBeLessThan(TOLERANCE);
        }
      }),
      { numRuns: 40 },
    );
  });

  test('finds one token after the other what it finds in all at once', async () => {
    const of = { heads: 4, kvHeads: 2, headDim: 128 };
    await using program = await open(of);
    const text = imaginedText('text', of, 90);
    using cache = program.createCache({ capacity: 90 });
    const together = await read(program, cache, [{ text, to: 90 }]);
    cache.truncate(0);
    const alone: number[] = [];
    for (let to = 1; to <= 90; to++) {
      alone.push(...(await read(program, cache, [{ text, to }])).data);
    }
    expect(relativeError(alone, together.data)).toBeLessThan(TOLERANCE);
  });

  test("differs from ONNX Runtime's by rounding only", async () => {
    const of = { heads: 6, kvHeads: 2, headDim: 64 };
    await using ours = await open(of);
    await using theirs = await open(of, 'onnxruntime');
    expect(operatorsOf(of, false)).not.toContain('AttendToPast');
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
    await expectExact(program, imaginedText('text', of, 63), [40, 1, 5, 17], 1e-5);
  });

  test('reads nothing that stands behind a sequence', async () => {
    const of = { heads: 4, kvHeads: 2, headDim: 64 };
    await using program = await open(of);
    const text = imaginedText('text', of, 300);
    const strange = { ...text, qkv: { ...text.qkv, data: text.qkv.data.map(() => Number.NaN) } };
    using cache = program.createCache({ capacity: 300, slots: 2 });
    using fresh = program.createCache({ capacity: 300, slots: 2 });
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
    const text = imaginedText('text', of, 112, 100); // scores up to ± 2e4
    // Rounding may move such scores by thousandths.
    await expectExact(program, text, [50, 1, 10, 50, 1], 2e-2);
  });

  test.each([1, 60])(
    'keeps a row that is no number to its sequence (%i tokens)',
    async (tokens) => {
      const of = { heads: 4, kvHeads: 2, headDim: 32 };
      await using program = await open(of);
      const clean = [0, 1, 2].map((slot) => imaginedText(`${slot}`, of, tokens + 1));
      const width = 4 * 32;
      for (const at of [0, 4 * 32, 6 * 32]) {
        // a query, a key, a value
        const texts = clean.map((text, slot) => (slot === 1 ? withNumber(text, 0, at, NaN) : text));
        using cache = program.createCache({ capacity: 100, slots: 3 });
        for (const [from, to] of [
          [0, tokens],
          [tokens, tokens + 1],
        ] as const) {
          const parts = texts.map((text, slot) => ({ text, slot, from, to }));
          const found = await read(program, cache, parts);
          const wanted = clean.map((text) => exactAttention(text, from, to));
          for (const slot of [0, 2]) {
            const own = found.data.slice(slot * wanted[0]!.length, (slot + 1) * wanted[0]!.length);
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
      const text = withNumber(imaginedText('text', of, 1100), position, 16, NaN);
      using cache = program.createCache({ capacity: 1100 });
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
});

describe.skipIf(missing)('the operator refuses', () => {
  const attributes = { heads: 4, scale: { float: 1 } };
  const operator = { name: 'AttendToPast', attributes, outputs: { y: 2, keys2: 4, values2: 4 } };
  /** Two sequences of three tokens, with two heads of keys. */
  const inputs = {
    rows: { shape: [6, 8 * 16] },
    keys: { shape: [2, 2, 9, 16] },
    values: { shape: [2, 2, 9, 16] },
    lastPositions: { type: 'int32', shape: [2], data: Int32Array.of(2, 8) },
    cosines: { shape: [10, 8] },
    sines: { shape: [10, 8] },
    angles: { type: 'int64', shape: [2, 3], data: BigInt64Array.of(0n, 1n, 2n, 9n, 4n, 5n) },
  } as const satisfies Record<string, OperatorInput>;
  const run = (wrong: Record<string, Partial<OperatorInput>>, heads = 4) => {
    const given = Object.entries(inputs).map(([name, input]) => {
      return [name, { ...input, ...wrong[name] }] as const;
    });
    const own = { ...operator, attributes: { ...attributes, heads } };
    return runOperator(own, Object.fromEntries(given));
  };

  test.each([
    [
      'rows',
      { rows: { shape: [5, 128] } },
      'there are 2560 bytes of rows, but there have to be 3072',
    ],
    ['features', { rows: { shape: [6, 64] } }, 'there are 1536 bytes of rows'],
    [
      'keys',
      { keys: { shape: [1, 2, 9, 16] } },
      'there are 1 sequences of keys, but there have to be 2',
    ],
    ['axes', { keys: { shape: [4, 9, 16] } }, 'there are 3 axes of keys, but there have to be 4'],
    [
      'values',
      { values: { shape: [2, 2, 8, 16] } },
      'there are 2048 bytes of values, but there have to be 2304',
    ],
    [
      'places',
      { lastPositions: { shape: [1], data: Int32Array.of(2) } },
      'there are 1 last positions, but there have to be 2',
    ],
    [
      'cosines',
      { cosines: { shape: [10, 4] } },
      'there are 160 bytes of cosines, but there have to be 320',
    ],
    [
      'sines',
      { sines: { shape: [9, 8] } },
      'there are 288 bytes of sines, but there have to be 320',
    ],
    [
      'angles',
      { angles: { shape: [6], data: new BigInt64Array(6) } },
      'there are 1 axes of angles, but there have to be 2',
    ],
  ])('%s of another length', async (_, wrong, message) => {
    await expect(run(wrong)).rejects.toThrow(message);
  });

  test.each([-1n, 10n, 2n ** 40n])('angles of row %i, where there are 10', async (row) => {
    const angles = { data: BigInt64Array.of(0n, 1n, 2n, 3n, 4n, row) };
    await expect(run({ angles })).rejects.toThrow(
      `a token has the angles of row ${row}, but there are 10 rows`,
    );
  });

  test.each([9, 2 ** 31 - 1, 1, -1])('3 tokens that end at position %i of 9', async (last) => {
    const lastPositions = { data: Int32Array.of(2, last) };
    await expect(run({ lastPositions })).rejects.toThrow(
      `3 tokens cannot end at position ${last} of a cache for 9`,
    );
  });

  test.each([0, -2, 3])('%i heads over two of keys', async (heads) => {
    await expect(run({}, heads)).rejects.toThrow(
      `${heads} heads of 16 numbers, which share 2 heads of keys, are none it knows`,
    );
  });

  test.each([8, 24, 272])('heads of %i numbers', async (headDim) => {
    const cache = { shape: [2, 2, 9, headDim] };
    await expect(run({ keys: cache, values: cache })).rejects.toThrow(
      `4 heads of ${headDim} numbers`,
    );
  });

  test('nothing else', async () => {
    const cache = [2, 2, 9, 16];
    await expect(run({})).resolves.toEqual([[6, 64], cache, cache]);
    const none = {
      rows: { shape: [0, 128] },
      angles: { shape: [2, 0], data: new BigInt64Array(0) },
    };
    await expect(run(none)).resolves.toEqual([[0, 64], cache, cache]);
  });
});

/** The model that the graph becomes, in which operators stand by their names. */
function operatorsOf(of: Heads, ownKernels = true): string {
  const { model } = lowerGraph(attentionGraph(of), {
    ...{ groups: ['slots'], accuracyLevel: 4, ownKernels, fusedRotary: true, placeholder: 'none' },
    weight: () => {
      throw new Error('it has no weights');
    },
  });
  return Buffer.from(model).toString('latin1');
}

async function expectExact(
  program: Attention,
  text: AttendedText,
  lengths: readonly number[],
  tolerance = TOLERANCE,
): Promise<void> {
  using cache = program.createCache({ capacity: text.tokens });
  for (const tokens of lengths) {
    const past = cache.length();
    const { data } = await read(program, cache, [{ text, to: past + tokens }]);
    const error = relativeError(data, exactAttention(text, past, past + tokens));
    expect(error, `${tokens} tokens after ${past}`).toBeLessThan(tolerance);
  }
}

/** The same with another number in the row of a token. */
function withNumber(text: AttendedText, token: number, at: number, number: number): AttendedText {
  const data = Float32Array.from(text.qkv.data);
  data[token * text.qkv.shape[1]! + at] = number;
  return { ...text, qkv: { ...text.qkv, data } };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0);
}

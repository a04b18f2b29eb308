import { relativeError } from '@lingbi/core/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { missingKernels } from './kernels.ts';
import { type Heads, textKeptIn, withNumber } from './test-tools/attended-text.ts';
import { operatorsOf } from './test-tools/attention-operators.ts';
import { ContinuedTexts } from './test-tools/continued-texts.ts';
import { type Attention, open, read, TOLERANCE } from './test-tools/run-attention.ts';

const missing = missingKernels();
const of = { heads: 4, kvHeads: 2, headDim: 32 };

describe.skipIf(missing).each(['float32', 'float16', 'int8'] as const)(
  'continuations in %s',
  (kv) => {
    /** Slot 0 has read so many tokens, and 1 to 3 continue it. */
    async function continued(program: Attention, length: number, heads: Heads = of) {
      const text = textKeptIn(kv, 'first', heads, length);
      const cache = program.createCache({ kv, capacity: length + 500, branches: 3 });
      const texts = new ContinuedTexts(program, cache, kv, [text]);
      if (length > 0) await read(program, cache, [{ text, to: length }]);
      for (const slot of [1, 2, 3]) await texts.extend(0, slot);
      return texts;
    }

    test('are attended to by a kernel of ours, if they can', async () => {
      const kinds = { float32: 'branches', float16: 'halfBranches', int8: 'int8Branches' } as const;
      const names = { float32: '', float16: 'Half', int8: 'Rounded' };
      const kind = kinds[kv];
      const operator = `AttendTo${names[kv]}Branches`;
      expect(operatorsOf(of, kind)).toContain(operator);
      expect(operatorsOf(of, kind, false)).not.toContain('AttendTo');
      expect(operatorsOf({ ...of, headDim: 24 }, kind)).not.toContain('AttendTo');
    });

    test.each([16, 48, 64, 128, 256])('know heads of %i numbers', async (headDim) => {
      await using program = await open({ ...of, headDim });
      const texts = await continued(program, 40, { ...of, headDim });
      expect(await texts.readMore([1, 1], [2, 1], [3, 1])).toBeLessThan(TOLERANCE);
      expect(await texts.readMore([1, 40], [2, 1], [3, 9])).toBeLessThan(TOLERANCE);
    });

    test.each([0, 1, 31, 32, 33, 64, 65, 1024, 1025, 2100])(
      'of %i tokens go on, each by as many as it has',
      async (length) => {
        const heads = { heads: 2, kvHeads: 1, headDim: 32 };
        await using program = await open(heads);
        const texts = await continued(program, length, heads);
        for (const tokens of [
          [1, 1, 1],
          [3, 1, 8],
          [40, 2, 17],
          [2, 1, 5],
        ]) {
          const slots = tokens.map((count, i) => [i + 1, count] as const);
          const error = await texts.readMore(...slots);
          expect(error, `${tokens}`).toBeLessThan(TOLERANCE);
          expect(await texts.readMore([2, 1]), `one after ${tokens}`).toBeLessThan(TOLERANCE);
        }
      },
    );

    test.each([1, 2, 3, 4])('let %i heads of queries share one of keys', async (group) => {
      const heads = { heads: 3 * group, kvHeads: 3, headDim: 32 };
      await using program = await open(heads);
      const texts = await continued(program, 50, heads);
      for (const tokens of [1, 2, 3, 5, 12]) {
        const error = await texts.readMore([3, tokens], [1, tokens], [2, 1]);
        expect(error, `${tokens} tokens`).toBeLessThan(TOLERANCE);
      }
    });

    test('change places for long, as beams do', async () => {
      await using program = await open(of);
      const texts = await continued(program, 20);
      for (let turn = 0; turn < 70; turn++) {
        const from = 1 + (turn % 3);
        const to = 1 + ((from + ((turn >> 1) % 2)) % 3);
        if (turn % 3 > 0) await texts.copy(from, to);
        const error = await texts.readMore([1, 1], [2, 1], [3, 1]);
        expect(error, `turn ${turn}`).toBeLessThan(TOLERANCE);
      }
      await texts.copy(2, 0);
      expect(await texts.readMore([0, 3])).toBeLessThan(TOLERANCE);
    });

    test('that are cut short go on from there', async () => {
      await using program = await open(of);
      const texts = await continued(program, 100);
      await texts.readMore([1, 5], [2, 5], [3, 5]);
      texts.cut(1, 103);
      texts.cut(2, 100);
      texts.cut(3, 40);
      for (const tokens of [1, 2, 30]) {
        const error = await texts.readMore([1, tokens], [2, 1], [3, tokens]);
        expect(error, `${tokens} more`).toBeLessThan(TOLERANCE);
      }
      await texts.copy(3, 2);
      expect(await texts.readMore([2, 40], [3, 4])).toBeLessThan(TOLERANCE);
      await texts.copy(3, 0);
      expect(await texts.readMore([0, 40])).toBeLessThan(TOLERANCE);
    });

    test('find together what they find one by one', async () => {
      await using program = await open(of);
      const [together, alone] = [await continued(program, 70), await continued(program, 70)];
      for (const tokens of [1, 7, 1, 20]) {
        const parts = [1, 2, 3].map((slot) => {
          const more = textKeptIn(kv, `${slot} ${tokens}`, of, tokens);
          for (const texts of [together, alone]) texts.say(slot, more);
          return { slot, text: together.textOf(slot), to: together.textOf(slot).tokens };
        });
        const { data } = await read(program, together.cache, parts);
        const each: number[] = [];
        for (const part of parts) each.push(...(await read(program, alone.cache, [part])).data);
        expect(relativeError(each, data)).toBeLessThan(TOLERANCE);
      }
    });

    test('go on beside slots of their own, and continuations of these', async () => {
      await using program = await open(of);
      using cache = program.createCache({ kv, capacity: 200, slots: 3, branches: 3 });
      const first = [50, 70, 30].map((length, slot) => textKeptIn(kv, `${slot}`, of, length));
      const texts = new ContinuedTexts(program, cache, kv, first);
      await texts.read([0, 1, 2]);
      for (const [from, to] of [
        [0, 3],
        [0, 4],
        [1, 5],
      ] as const) {
        await texts.extend(from, to);
      }
      for (const tokens of [1, 20, 1]) {
        const error = await texts.readMore([3, 1], [4, tokens], [2, tokens], [5, tokens]);
        expect(error, `${tokens} tokens`).toBeLessThan(TOLERANCE);
      }
    });

    test.each([1, 30])('%i tokens that are no numbers stay with their sequence', async (tokens) => {
      await using program = await open(of);
      for (const [what, at] of [
        ['a query', 5],
        ['a key', 4 * 32 + 5],
        ['a value', 6 * 32 + 5],
      ] as const) {
        for (const number of [NaN, Infinity]) {
          const texts = await continued(program, 40);
          const readOthers = (tokens: number) => {
            for (const slot of [1, 3])
              texts.say(slot, textKeptIn(kv, `${slot} ${tokens}`, of, tokens));
            return texts.read([1, 2, 3], 2);
          };
          texts.say(2, withNumber(textKeptIn(kv, 'strange', of, tokens), 0, at, number));
          expect(await readOthers(tokens), `${number} in ${what}`).toBeLessThan(TOLERANCE);
          texts.say(2, textKeptIn(kv, 'later', of, 1));
          expect(await readOthers(1), `after ${number} in ${what}`).toBeLessThan(TOLERANCE);
          texts.cut(2, 40);
          const error = await texts.readMore([1, 2], [2, tokens], [3, 1]);
          expect(error, `without ${number} in ${what}`).toBeLessThan(TOLERANCE);
        }
      }
    });

    test.each([1, 30])(
      '%i tokens see no more of what they continue than they hold',
      async (tokens) => {
        await using program = await open(of);
        for (const at of [4 * 32 + 5, 6 * 32 + 5]) {
          // a key, a value
          for (const position of [20, 39, 59]) {
            using cache = program.createCache({ kv, capacity: 200, branches: 2 });
            const text = withNumber(textKeptIn(kv, 'text', of, 60), position, at, NaN);
            const texts = new ContinuedTexts(program, cache, kv, [text]);
            await texts.read([0], 0);
            if (position >= 40) texts.cut(0, 40);
            for (const slot of [1, 2]) await texts.extend(0, slot);
            texts.cut(1, 20);
            for (const slot of [1, 2]) texts.say(slot, textKeptIn(kv, `${slot}`, of, tokens));
            const error = await texts.read([1, 2], position < 40 ? 2 : undefined);
            expect(error, `${position}`).toBeLessThan(TOLERANCE);
          }
        }
      },
    );

    test('are exact however they go on, change places, are cut and taken over', async () => {
      const heads = fc
        .record({
          group: fc.integer({ min: 1, max: 4 }),
          kvHeads: fc.integer({ min: 1, max: 2 }),
          lines: fc.integer({ min: 1, max: 16 }),
        })
        .map(({ group, kvHeads, lines }) => ({
          ...{ heads: group * kvHeads, kvHeads, headDim: 16 * lines },
        }));
      const slot = fc.integer({ min: 1, max: 3 });
      const tokens = fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 5, max: 40 }));
      const step = fc.oneof(
        fc.record({
          read: fc.uniqueArray(fc.tuple(slot, tokens), {
            minLength: 1,
            selector: ([slot]) => slot,
          }),
        }),
        fc.record({ from: slot, to: slot }),
        fc.record({ cut: slot, by: fc.integer({ min: 1, max: 60 }) }),
        fc.record({ taken: slot, tokens }),
      );
      const schedule = fc.array(step, { minLength: 3, maxLength: 10 });
      const length = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 4, max: 130 }));
      await fc.assert(
        fc.asyncProperty(heads, length, schedule, async (of, length, schedule) => {
          await using program = await open(of);
          const texts = await continued(program, length, of);
          for (const step of schedule) {
            if ('read' in step) {
              expect(await texts.readMore(...step.read)).toBeLessThan(TOLERANCE);
            } else if ('from' in step) {
              await texts.copy(step.from, step.to);
            } else if ('cut' in step) {
              const left = texts.cache.length(step.cut) - step.by;
              texts.cut(step.cut, Math.max(1, left));
            } else {
              await texts.copy(step.taken, 0);
              expect(await texts.readMore([0, step.tokens])).toBeLessThan(TOLERANCE);
              for (const slot of [1, 2, 3]) await texts.extend(0, slot);
            }
          }
        }),
        { numRuns: 20 },
      );
    });
  },
);

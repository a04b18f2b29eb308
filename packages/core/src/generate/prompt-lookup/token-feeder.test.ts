import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rotaryPositions } from '../../models/internlm2/rotary.ts';
import { generate } from '../generate.ts';
import { emptyPast } from '../past.ts';
import {
  type CachedSequence,
  continueCache,
  finishPrefill,
  openSequence,
  type Sequence,
  SequenceDisposedError,
} from '../sequence.ts';
import { SYMBOLS, testPrompt, testRuntime } from '../test-runtime.ts';
import { LookupFeeder, type LookupUse, plainFeeder, type TokenFeeder } from './token-feeder.ts';

const CAPACITY = 120;

/** Feeds an answer that its reader chose, and tells what was read after each token. */
async function readAnswer(feeder: TokenFeeder, answer: readonly number[]): Promise<number[][]> {
  const read: number[][] = [];
  for (const token of answer) read.push([...(await feeder.next(token))]);
  feeder[Symbol.dispose]();
  return read;
}

async function openAt(prompt: readonly number[]) {
  const { runtime, held, runs } = testRuntime();
  const sequence = openSequence(runtime, CAPACITY);
  await finishPrefill(sequence.prefill(testPrompt(...prompt)));
  return { sequence, held, runs };
}

/** A clock by which drafts always pay. */
const steadyClock = () => 0;

const few = fc.array(fc.nat(2), { minLength: 20, maxLength: 40 });

test('whatever the answer is, the logits and what the sequence holds are those of one by one', async () => {
  let accepted = 0;
  await fc.assert(
    fc.asyncProperty(few, few, async (prompt, answer) => {
      const plain = await openAt(prompt);
      const ahead = await openAt(prompt);
      const wanted = await readAnswer(plainFeeder(plain.sequence, {}), answer);
      const feeder = new LookupFeeder(ahead.sequence, prompt, { clock: steadyClock });
      expect(await readAnswer(feeder, answer)).toEqual(wanted);
      expect(ahead.held).toEqual(plain.held);
      accepted += feeder.use.accepted;
      expect(ahead.runs.length + feeder.use.accepted).toBe(plain.runs.length);
    }),
    { numRuns: 60 },
  );
  expect(accepted).toBeGreaterThan(100);
});

test('an answer that copies its prompt takes a fraction of the runs', async () => {
  const prompt = Array.from({ length: 36 }, (_, place) => (place * place + (place >> 2)) % SYMBOLS);
  const { sequence, runs } = await openAt([...prompt, ...prompt.slice(0, 3)]);
  const feeder = new LookupFeeder(sequence, [...prompt, ...prompt.slice(0, 3)], {
    clock: steadyClock,
  });
  const before = runs.length;
  await readAnswer(feeder, prompt.slice(3));
  expect(runs.length - before).toBeLessThan(12);
  expect(feeder.use.accepted).toBeGreaterThan(20);
});

test('generation with lookup writes what it writes without, drawn or likeliest', async () => {
  const answers = fc.record({
    prompt: fc.array(fc.nat(SYMBOLS - 1), { minLength: 1, maxLength: 30 }),
    seed: fc.option(fc.nat(100), { nil: undefined }),
  });
  await fc.assert(
    fc.asyncProperty(answers, async ({ prompt, seed }) => {
      const [plain, ahead] = [
        openSequence(testRuntime().runtime, CAPACITY),
        openSequence(testRuntime().runtime, CAPACITY),
      ];
      const options = {
        ...{ stopTokens: new Set([2]), maxNewTokens: 60 },
        ...(seed !== undefined && { sampling: { temperature: 0.7, seed } }),
      };
      const wanted = await written(plain, prompt, options);
      expect(await written(ahead, prompt, { ...options, promptLookup: true })).toEqual(wanted);
      expect((ahead as CachedSequence).past).toEqual((plain as CachedSequence).past);
    }),
    { numRuns: 60 },
  );
});

describe('drafts', () => {
  const circle = Array.from({ length: CAPACITY - 6 }, (_, place) => place % 4);
  const answer = [2, 3, 0, 1, 2, 3];

  test('stay within the capacity', async () => {
    const { sequence } = await openAt(circle);
    const feeder = new LookupFeeder(sequence, circle, { clock: steadyClock });
    await readAnswer(feeder, answer);
    expect(sequence.length).toBe(CAPACITY);
    expect(feeder.use.accepted).toBeGreaterThan(0);
  });

  test('stay within the trained length, after which each total has angles of its own', async () => {
    const scaling = { kind: 'dynamic', factor: 2, trainedLength: 60 } as const;
    const rotary = rotaryPositions({ headDim: 4, theta: 100, scaling });
    const { runtime, runs } = testRuntime();
    const sequence = openSequence({ ...runtime, rotary }, CAPACITY);
    const prompt = circle.slice(0, 60);
    await finishPrefill(sequence.prefill(testPrompt(...prompt)));
    const feeder = new LookupFeeder(sequence, prompt, { clock: steadyClock });
    await readAnswer(feeder, [0, 1, 2, 3, 0, 1, 2, 3]);
    expect(feeder.use.drafted).toBe(0);
    expect(runs).toHaveLength(9);
  });

  test('end before a token that ends the answer, and where it has to end', async () => {
    const stopped = await openAt(circle.slice(0, 40));
    const stopTokens = new Set([0, 1, 2, 3]);
    const options = { clock: steadyClock, stopTokens };
    const feeder = new LookupFeeder(stopped.sequence, circle.slice(0, 40), options);
    await readAnswer(feeder, [0, 1, 2, 3, 0, 1]);
    expect(feeder.use.drafted).toBe(0);

    const short = await openAt(circle.slice(0, 40));
    const limited = { clock: steadyClock, maxNewTokens: 6 };
    const ending = new LookupFeeder(short.sequence, circle.slice(0, 40), limited);
    await readAnswer(ending, [0, 1, 2, 3, 0]);
    expect(ending.use).toEqual({ drafted: 1, accepted: 1 });
  });
});

describe('an answer that nobody hears to its end', () => {
  const circle = Array.from({ length: 40 }, (_, place) => place % 4);

  async function readAhead() {
    const opened = await openAt(circle);
    const feeder = new LookupFeeder(opened.sequence, circle, { clock: steadyClock });
    for (const token of [0, 1, 2, 3, 0]) await feeder.next(token);
    expect(opened.sequence.length).toBeGreaterThan(45);
    return { ...opened, feeder };
  }

  test('leaves the tokens that were heard', async () => {
    const { sequence, feeder } = await readAhead();
    feeder[Symbol.dispose]();
    expect(sequence.length).toBe(45);
  });

  test('takes nothing from a sequence that went on without it', async () => {
    const { sequence, feeder } = await readAhead();
    sequence.truncate(30);
    await sequence.feed(5);
    feeder[Symbol.dispose]();
    expect(sequence.length).toBe(31);
  });

  test('takes nothing from a cache that a disposed sequence left to others', async () => {
    const { runtime, held } = testRuntime();
    const cache = runtime.createCache({ capacity: CAPACITY, branches: 1 });
    const sequence = continueCache(runtime, { cache, past: emptyPast }, () => {});
    await finishPrefill(sequence.prefill(testPrompt(...circle)));
    const feeder = new LookupFeeder(sequence, circle, { clock: steadyClock });
    for (const token of [0, 1, 2, 3, 0]) await feeder.next(token);
    sequence[Symbol.dispose]();
    const left = [...held[0]!];
    feeder[Symbol.dispose]();
    expect(held[0]).toEqual(left);
    await expect(feeder.next(1)).rejects.toThrow(SequenceDisposedError);
  });
});

test('the end tells how many guesses there were and how many were right', async () => {
  const events = generate(openSequence(testRuntime().runtime, CAPACITY), testPrompt(3, 1, 3, 1), {
    ...{ stopTokens: new Set<number>(), maxNewTokens: 40, promptLookup: true },
  });
  let lookup: unknown;
  for await (const event of events) if (event.type === 'generation-end') lookup = event.lookup;
  expect(lookup).toEqual({ drafted: expect.any(Number), accepted: expect.any(Number) });
  expect((lookup as LookupUse).drafted).toBeGreaterThan(0);
});

async function written(
  sequence: Sequence,
  prompt: readonly number[],
  options: Parameters<typeof generate>[2],
): Promise<number[]> {
  const tokens: number[] = [];
  for await (const event of generate(sequence, testPrompt(...prompt), options)) {
    if (event.type === 'token') tokens.push(event.token);
  }
  return tokens;
}

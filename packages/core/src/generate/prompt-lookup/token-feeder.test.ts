import fc from 'fast-check';
import { expect, test } from 'vitest';
import { generate } from '../generate.ts';
import { type CachedSequence, finishPrefill, openSequence, type Sequence } from '../sequence.ts';
import { SYMBOLS, testPrompt, testRuntime } from '../test-runtime.ts';
import { LookupFeeder, plainFeeder, type TokenFeeder } from './token-feeder.ts';

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
      const feeder = new LookupFeeder(ahead.sequence, prompt, {}, steadyClock);
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
  const feeder = new LookupFeeder(sequence, [...prompt, ...prompt.slice(0, 3)], {}, steadyClock);
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

test('drafts stay within the capacity', async () => {
  const prompt = Array.from({ length: CAPACITY - 4 }, (_, place) => place % 4);
  const { sequence } = await openAt(prompt);
  const feeder = new LookupFeeder(sequence, prompt, {}, steadyClock);
  await readAnswer(feeder, [0, 1, 2, 3]);
  expect(sequence.length).toBe(CAPACITY);
});

test('the end tells how many guesses there were and how many were right', async () => {
  const events = generate(openSequence(testRuntime().runtime, CAPACITY), testPrompt(3, 1, 3, 1), {
    ...{ stopTokens: new Set<number>(), maxNewTokens: 40, promptLookup: true },
  });
  let lookup: unknown;
  for await (const event of events) if (event.type === 'generation-end') lookup = event.lookup;
  expect(lookup).toEqual({ drafted: expect.any(Number), accepted: expect.any(Number) });
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

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { logSoftmax } from './logits/log-softmax.ts';
import { scoreContinuations } from './score-continuations.ts';
import { openSequence } from './sequence.ts';
import { SYMBOLS, testLogits, testPrompt, testRuntime } from './test-runtime.ts';

/** Each token read from the start. */
function expected(prompt: readonly number[], tokens: readonly number[]): number[] {
  return tokens.map((token, place) => {
    return logSoftmax(testLogits([...prompt, ...tokens.slice(0, place)]))[token]!;
  });
}

test('each token gets its log-probability', async () => {
  const ids = fc.array(fc.nat(SYMBOLS - 1), { minLength: 1, maxLength: 40 });
  const cases = [ids, fc.array(ids, { maxLength: 5 })] as const;
  await fc.assert(
    fc.asyncProperty(...cases, async (prompt, continuations) => {
      using sequence = openSequence(testRuntime().runtime, 100);
      const scores = await scoreContinuations(sequence, testPrompt(...prompt), continuations);
      for (const [i, { logprobs, total }] of scores.entries()) {
        const wanted = expected(prompt, continuations[i]!);
        expect(logprobs).toHaveLength(wanted.length);
        for (const [place, logprob] of logprobs.entries()) {
          expect(logprob).toBeCloseTo(wanted[place]!, 5);
        }
        expect(total).toBeCloseTo(
          wanted.reduce((sum, each) => sum + each),
          5,
        );
      }
      expect(sequence.length).toBe(prompt.length);
    }),
    { numRuns: 60 },
  );
});

test('options of one token cost one reading of the prompt', async () => {
  const { runtime, runs } = testRuntime();
  using sequence = openSequence(runtime, 100);
  await scoreContinuations(sequence, testPrompt(3, 1), [[4], [5], [6], [7]]);
  expect(runs).toEqual([[0]]);
});

test('and the tokens of a longer option are read in one run', async () => {
  const { runtime, runs } = testRuntime();
  using sequence = openSequence(runtime, 100);
  await scoreContinuations(sequence, testPrompt(3, 1), [[4, 5, 6, 7], [8]]);
  expect(runs).toEqual([[0], [0]]);
});

test('an empty continuation and an unknown token are named', async () => {
  using sequence = openSequence(testRuntime().runtime, 100);
  const score = (...continuations: number[][]) =>
    scoreContinuations(sequence, testPrompt(1), continuations);
  await expect(score([1], [])).rejects.toThrow('Continuation 1 to score is empty');
  await expect(score([99])).rejects.toThrow('There is no token 99: ids go from 0 to 11');
});

import { expect, test } from 'vitest';
import { finishPrefill, openSequence } from './sequence.ts';
import { testLogits, testPrompt, testRuntime } from './test-runtime.ts';

test('branches answer in the order they were asked in, whatever their slots', async () => {
  const { runtime } = testRuntime();
  using sequence = openSequence(runtime, 100, 3);
  await finishPrefill(sequence.prefill(testPrompt(1, 2)));
  using branches = sequence.branch();
  await branches.grow([7, 8, 9].map((token) => ({ parent: 0, token })));
  const steps = [
    { parent: 2, token: 4 },
    { parent: 0, token: 5 },
    { parent: 2, token: 6 },
  ];
  const pasts = [
    [1, 2, 9, 4],
    [1, 2, 7, 5],
    [1, 2, 9, 6],
  ];
  expect(await branches.grow(steps)).toEqual(pasts.map(testLogits));
});

test('a sequence takes nothing while it has branches', async () => {
  const { runtime } = testRuntime();
  using sequence = openSequence(runtime, 100, 2);
  await finishPrefill(sequence.prefill(testPrompt(1, 2)));
  const branches = sequence.branch();
  await expect(sequence.feed(3)).rejects.toThrow('settle or dispose them');
  await expect(finishPrefill(sequence.prefill(testPrompt(1)))).rejects.toThrow('has branches');
  branches[Symbol.dispose]();
  expect(await sequence.feed(3)).toEqual(testLogits([1, 2, 3]));
});

test('settling keeps what some branch has read of the tokens', async () => {
  const { runtime, held } = testRuntime();
  using sequence = openSequence(runtime, 100, 2);
  await finishPrefill(sequence.prefill(testPrompt(1, 2)));
  const branches = sequence.branch();
  await branches.grow([
    { parent: 0, token: 3 },
    { parent: 0, token: 4 },
  ]);
  await branches.grow([
    { parent: 1, token: 5 },
    { parent: 0, token: 6 },
  ]);
  await branches.settle([4, 7, 8]);
  expect(sequence.length).toBe(3);
  expect(held).toContainEqual([1, 2, 4]);
  expect(await sequence.feed(9)).toEqual(testLogits([1, 2, 4, 9]));
});

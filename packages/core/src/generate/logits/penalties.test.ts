import { expect, test } from 'vitest';
import type { StepContext } from './logits-step.ts';
import {
  frequencyPenalty,
  logitBias,
  minNewTokens,
  noRepeatNgram,
  presencePenalty,
  repetitionPenalty,
} from './penalties.ts';
import { penaltySteps } from './steps-of.ts';

const context: StepContext = { generated: [1, 1, 3], prompt: [0] };

test('repetition makes positive scores smaller and negative ones more negative, once each', () => {
  const scores = Float32Array.of(4, -4, 4, 4);
  repetitionPenalty(2)(scores, context);
  expect([...scores]).toEqual([2, -8, 4, 2]);
});

test('presence counts an id once, frequency each time, and neither counts the prompt', () => {
  const scores = Float32Array.of(0, 0, 0, 0);
  presencePenalty(1)(scores, context);
  frequencyPenalty(0.5)(scores, context);
  expect([...scores]).toEqual([0, -2, 0, -1.5]);
});

test('a negative penalty makes what came likelier', () => {
  const scores = Float32Array.of(0, 0, 0, 0);
  frequencyPenalty(-1)(scores, context);
  expect([...scores]).toEqual([0, 2, 0, 1]);
});

test.each([
  [1, [0, 1, 3]],
  [2, [3]],
  [4, []],
])('of %i ids in a row none comes twice', (size, banned) => {
  const scores = new Float32Array(4);
  noRepeatNgram(size)(scores, { prompt: [0, 1], generated: [3, 0, 1] });
  expect([...scores.keys()].filter((id) => scores[id] === -Infinity)).toEqual(banned);
});

test('a bias moves single ids; −Infinity bans one', () => {
  const scores = Float32Array.of(1, 1, 1);
  const bias = new Map([
    [0, 2],
    [1, -Infinity],
    [99, 5],
  ]);
  logitBias(bias)(scores, context);
  expect([...scores]).toEqual([3, -Infinity, 1]);
});

test('stop tokens come once the answer is long enough', () => {
  const shown = [2, 3].map((length) => {
    const scores = new Float32Array(4);
    minNewTokens(3, new Set([2, 99]))(scores, {
      prompt: [],
      generated: [0, 0, 0].slice(0, length),
    });
    return scores[2];
  });
  expect(shown).toEqual([-Infinity, 0]);
});

test('the bias comes before the penalty on repetition', () => {
  const scores = Float32Array.of(0, -1);
  const bias = new Map([[1, 5]]);
  const context = { prompt: [], generated: [1] };
  for (const step of penaltySteps({ repetitionPenalty: 2, logitBias: bias }, new Set())) {
    step(scores, context);
  }
  expect(scores[1]).toBe(2);
});

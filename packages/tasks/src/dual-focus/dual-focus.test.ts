import type { RawPixels } from '@lingbi/vision';
import { describe, expect, test } from 'vitest';
import { queryOf, scriptedWriter } from '../writer/testing.ts';
import type { AnswerScorer, ScoreRequest } from './answer-scorer.ts';
import { cropBox, readBox } from './boxes.ts';
import { dualFocus } from './dual-focus.ts';
import { readLetter } from './read-letter.ts';

const image = { width: 200, height: 100, channels: 3, data: new Uint8Array(60_000) } as const;

function scorer(losses: readonly number[]): AnswerScorer & { readonly asked: ScoreRequest[] } {
  const asked: ScoreRequest[] = [];
  return {
    asked,
    async meanLosses(request) {
      asked.push(request);
      return losses;
    },
  };
}

describe('the answer to a question', () => {
  test('is that of the closer look where the model finds it likelier', async () => {
    const writer = scriptedWriter(['red', 'at [0.5, 0.5, 0.6, 0.8]', '\ngreen.\n']);
    const judge = scorer([2, 1]);
    const answer = await dualFocus(writer, 'Which colour?', image, { scorer: judge });
    expect(answer).toEqual({
      ...{ answer: 'green', focus: 'micro', macro: 'red', micro: 'green', losses: [2, 1] },
      box: { x1: 0.5, y1: 0.5, x2: 0.6, y2: 0.8 },
    });
    expect(writer.requests.map(queryOf)).toEqual([
      '<ImageHere>\nWhich colour?',
      '<ImageHere>\nPlease provide the bounding box coordinate of the region this question asks: Which colour?',
      '<ImageHere>\nPlease combine the information from these two images and answer this question: Which colour?',
    ]);
    expect(writer.requests[2]).toMatchObject({
      prompt: { history: [{ answer: 'at [0.5, 0.5, 0.6, 0.8]' }] },
      images: [
        { width: 200, height: 100 },
        { width: 80, height: 74 },
      ],
      settings: { limit: { newTokens: 128 }, sampling: 'greedy' },
    });
    expect(judge.asked[0]).toMatchObject({
      answers: ['red', 'green'],
      prompt: {
        query:
          '<ImageHere>\nPlease combine the information from these two images and answer this question:Which colour?\nAnswer the question using a single word or phrase',
      },
    });
    expect((judge.asked[0]!.images[1] as RawPixels).width).toBe(80);
  });

  test('is the plain one where no region was found', async () => {
    const writer = scriptedWriter(['red', 'nowhere']);
    const answer = await dualFocus(writer, 'Which?', image, { scorer: scorer([]) });
    expect(answer).toEqual({ answer: 'red', focus: 'macro', macro: 'red' });
  });

  test('takes its region from who knows', async () => {
    const writer = scriptedWriter(['red', 'blue']);
    const box = async () => ({ x1: 0, y1: 0, x2: 0.5, y2: 1 });
    const answer = await dualFocus(writer, 'Which?', image, { scorer: scorer([1, 2]), box });
    expect(answer).toMatchObject({ answer: 'red', focus: 'macro', micro: 'blue' });
    expect(writer.requests[1]).toMatchObject({
      prompt: { history: [{ answer: '[0.000, 0.000, 0.500, 1.000]' }] },
    });
  });

  test.each([
    ['A', 'It is blue', [1, 2], 'A', 'macro'],
    ['A', 'It is blue', [2, 1], 'B', 'micro'],
    ['?', 'B. blue', [], 'B', 'micro'],
    ['a', '?', [], 'A', 'macro'],
    ['?', '?', [], '?', 'macro'],
  ])('with options: %j and %j', async (macro, micro, losses, answer, focus) => {
    const writer = scriptedWriter([macro, '0,0,1,1', micro]);
    const options = { scorer: scorer(losses), options: ['red', 'blue'] };
    expect(await dualFocus(writer, 'Which?', image, options)).toMatchObject({ answer, focus });
    expect(queryOf(writer.requests[0]!)).toBe(
      "<ImageHere>\nWhich?\nA. red\nB. blue\nAnswer with the option's letter from the given choices directly.",
    );
  });
});

test.each([
  ['[0.1, 0.2,0.3, 0.4]', { x1: 0.1, y1: 0.2, x2: 0.3, y2: 0.4 }],
  ['0,0,1,1 or 0.5,0.5,1,1', { x1: 0, y1: 0, x2: 1, y2: 1 }],
  ['0.5, 0.5, 0.5, 0.9', undefined],
  ['10, 20, 30, 40', undefined],
  ['none', undefined],
])('the region in %j', (answer, box) => {
  expect(readBox(answer)).toEqual(box);
});

test('a region becomes a square with a margin, within the picture', () => {
  const size = { width: 1000, height: 1000 };
  expect(cropBox({ x1: 0.4, y1: 0.45, x2: 0.6, y2: 0.55 }, size)).toEqual({
    x1: 375,
    y1: 375,
    x2: 625,
    y2: 625,
  });
  expect(cropBox({ x1: 0, y1: 0, x2: 0.1, y2: 0.1 }, size)).toEqual({
    x1: 0,
    y1: 0,
    x2: 125,
    y2: 125,
  });
  expect(cropBox({ x1: 0, y1: 0, x2: 1, y2: 1 }, { width: 10, height: 10 })).toBeUndefined();
});

test.each([
  ['B', 1],
  ['b) blue', 1],
  ['It is blue.', 1],
  ['re', 0],
  ['', undefined],
  ['yellow', undefined],
])('the letter in %j', (answer, letter) => {
  expect(readLetter(answer, ['red', 'blue'])).toBe(letter);
});

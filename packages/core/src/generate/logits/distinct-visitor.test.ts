import { expect, test } from 'vitest';
import { distinctVisitor } from './distinct-visitor.ts';

const visitDistinct = distinctVisitor();

test.each([
  [
    'each id comes once, in the order of the lists',
    [
      [2, 1, 2],
      [1, 0],
    ],
    4,
    [2, 1, 0],
  ],
  ['the next call knows nothing of the last one', [[1], [2, 2]], 4, [1, 2]],
  ['ids outside the vocabulary are left out', [[4, 1, -1, 99]], 4, [1]],
  ['another vocabulary has marks of its own', [[4, 4, 1]], 9, [4, 1]],
])('%s', (_, lists, vocabularySize, expected) => {
  const ids: number[] = [];
  visitDistinct(lists, vocabularySize, (id) => ids.push(id));
  expect(ids).toEqual(expected);
});

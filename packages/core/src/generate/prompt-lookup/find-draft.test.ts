import { expect, test } from 'vitest';
import { findDraft, NO_TOKEN } from './find-draft.ts';

test('what followed the last three tokens before is drafted', () => {
  expect(findDraft([1, 2, 3, 4, 5, 6, 1, 2, 3], 2)).toEqual([4, 5]);
});

test('three tokens count more than two, and of equals the latest place', () => {
  expect(findDraft([1, 2, 3, 7, 2, 3, 8, 1, 2, 3], 1)).toEqual([7]);
  expect(findDraft([2, 3, 7, 2, 3, 8, 4, 2, 3], 1)).toEqual([8]);
});

test('what repeats itself is drafted as far as it goes', () => {
  expect(findDraft([5, 6, 5, 6, 5, 6], 4)).toEqual([5, 6]);
  expect(findDraft([4, 4, 4], 4)).toEqual([4]);
});

test('nothing is drafted where nothing is known', () => {
  expect(findDraft([1, 2, 3], 4)).toEqual([]);
  expect(findDraft([1, 2, 3, 1, 2], 0)).toEqual([]);
  expect(findDraft([], 4)).toEqual([]);
  expect(findDraft([7, 1, 8, 1], 4)).toEqual([]);
});

test('pictures neither match nor are drafted', () => {
  expect(findDraft([NO_TOKEN, 3, 9, 4, NO_TOKEN, 3], 2)).toEqual([]);
  expect(findDraft([1, 2, 5, NO_TOKEN, 6, 1, 2], 4)).toEqual([5]);
  expect(findDraft([1, 2, NO_TOKEN, 1, 2], 4)).toEqual([]);
});

import { expect, test } from 'vitest';
import { groupSegments } from './segment-groups.ts';

const nothingShared = {
  kv: 'float32',
  baseOf: () => undefined,
  length: () => 0,
} as const;
const batches = { ...nothingShared, batches: true };
const segment = (slot: number, tokens: number, past: number) => ({ slot, tokens, past });

test('single tokens in neighbouring slots are one group, whatever their pasts', () => {
  const segments = [segment(2, 1, 9), segment(3, 1, 0), segment(4, 1, 5)];
  expect(groupSegments(segments, batches)).toEqual([
    { firstSlot: 2, tokens: 1, pasts: [9, 0, 5], kind: 'slots' },
  ]);
});

test('equal prompts without a past are one group', () => {
  const segments = [segment(0, 4, 0), segment(1, 4, 0)];
  expect(groupSegments(segments, batches)).toEqual([
    { firstSlot: 0, tokens: 4, pasts: [0, 0], kind: 'slots' },
  ]);
});

test('several tokens after a past stay alone: the kernel takes no batch of them', () => {
  const segments = [segment(0, 4, 3), segment(1, 4, 3)];
  expect(groupSegments(segments, batches)).toHaveLength(2);
});

test('other slots or other steps begin a new group', () => {
  const segments = [segment(0, 1, 3), segment(2, 1, 3), segment(1, 1, 3), segment(3, 2, 0)];
  expect(groupSegments(segments, batches).map(({ firstSlot }) => firstSlot)).toEqual([0, 2, 1, 3]);
});

test('where memory shows no part of a buffer, each sequence is a group', () => {
  const segments = [segment(0, 1, 3), segment(1, 1, 3)];
  expect(groupSegments(segments, { ...nothingShared, batches: false })).toHaveLength(2);
});

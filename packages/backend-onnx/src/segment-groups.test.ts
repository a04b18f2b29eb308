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

test.each([
  ['float32', false, 'slots', 'branches', 1],
  ['float16', true, 'halfSlots', 'halfBranches', 1],
  ['int8', true, 'int8Slot', 'int8Branches', 2],
  ['int8', false, 'int8', 'int8Branches', 2],
] as const)(
  'in %s neighbours are of the kind of their cache (%s)',
  (kv, byKernel, alone, branched, groups) => {
    const segments = [segment(2, 1, 9), segment(3, 1, 0)];
    const found = groupSegments(segments, { ...batches, kv }, byKernel);
    expect(found.map(({ kind }) => kind)).toEqual(new Array(groups).fill(alone));
    const continued = { ...batches, kv, baseOf: () => 0, length: () => 7 };
    const [group] = groupSegments(segments, continued, byKernel);
    expect(group).toMatchObject({ kind: branched, tokens: 2, pasts: [7] });
  },
);

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

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assignSlots, TooManyBranchesError } from './assign-slots.ts';

const at = (...slots: number[]) => slots.map((slot) => ({ slot }));

test('branches that go on one by one stay where they are, in any order', () => {
  expect(assignSlots(at(2, 0, 1), 3)).toEqual({ slots: [2, 0, 1], copies: [] });
});

test('a second child is copied to the slot of a branch that has ended', () => {
  expect(assignSlots(at(1, 1, 0), 3)).toEqual({ slots: [1, 2, 0], copies: [[1, 2]] });
});

test('the prompt is copied to every further slot once', () => {
  expect(assignSlots(at(0, 0, 0), 3)).toEqual({
    slots: [0, 1, 2],
    copies: [
      [0, 1],
      [0, 2],
    ],
  });
});

test('too many branches are an error that names the setting', () => {
  expect(() => assignSlots(at(0, 0), 1)).toThrow(TooManyBranchesError);
  expect(() => assignSlots(at(0, 0), 1)).toThrow('Open it with { slots: 2 }');
});

test('every branch finds what its parent held, with as few copies as can be', () => {
  const parents = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(parents, (chosen) => {
      const held = ['a', 'b', 'c', 'd', 'e'];
      const wanted = chosen.map((slot) => held[slot]);
      const { slots, copies } = assignSlots(at(...chosen), held.length);
      for (const [from, to] of copies) held[to] = held[from]!;
      expect(slots.map((slot) => held[slot])).toEqual(wanted);
      expect(new Set(slots).size).toBe(slots.length);
      expect(copies).toHaveLength(chosen.length - new Set(chosen).size);
    }),
  );
});

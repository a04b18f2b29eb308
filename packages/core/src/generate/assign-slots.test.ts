import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assignSlots, TooManyBranchesError } from './assign-slots.ts';

const three = [1, 2, 3];
const at = (...slots: number[]) => slots.map((slot) => ({ slot }));

test('branches that go on one by one stay where they are, in any order', () => {
  expect(assignSlots(at(3, 1, 2), three)).toEqual({ slots: [3, 1, 2], extensions: [] });
});

test('a second child continues it in the slot of a branch that has ended', () => {
  expect(assignSlots(at(2, 2, 1), three)).toEqual({ slots: [2, 3, 1], extensions: [[2, 3]] });
});

test('the prompt is continued by every slot, and stays where it is', () => {
  expect(assignSlots(at(0, 0, 0), three)).toEqual({
    slots: [1, 2, 3],
    extensions: [
      [0, 1],
      [0, 2],
      [0, 3],
    ],
  });
});

test('too many branches are an error that names the setting', () => {
  expect(() => assignSlots(at(0, 0), [1])).toThrow(TooManyBranchesError);
  expect(() => assignSlots(at(0, 0), [1])).toThrow('Open it with { slots: 2 }');
});

test('every branch finds what its parent held, with as few extensions as can be', () => {
  const parents = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(parents, (chosen) => {
      const held = ['a', 'b', 'c', 'd', 'e'];
      const wanted = chosen.map((slot) => held[slot]);
      const { slots, extensions } = assignSlots(at(...chosen), [...held.keys()]);
      for (const [from, to] of extensions) held[to] = held[from]!;
      expect(slots.map((slot) => held[slot])).toEqual(wanted);
      expect(new Set(slots).size).toBe(slots.length);
      expect(extensions).toHaveLength(chosen.length - new Set(chosen).size);
    }),
  );
});

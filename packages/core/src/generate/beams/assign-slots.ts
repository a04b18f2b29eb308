export interface SlotAssignment {
  /** The slot of each new beam. */
  readonly slots: readonly number[];
  /** What to copy first, from slot to slot. */
  readonly copies: readonly (readonly [from: number, to: number])[];
}

/**
 * Gives each new beam a slot of the cache. The first child of a beam goes on where the beam is;
 * only further children need a copy, in a slot whose own beam has ended.
 *
 * @param parents the slot each new beam continues
 * @param available all slots that beams may use
 */
export function assignSlots(
  parents: readonly number[],
  available: readonly number[],
): SlotAssignment {
  const inherited = new Set<number>();
  const free = available.filter((slot) => !parents.includes(slot));
  const copies: [number, number][] = [];
  const slots = parents.map((parent) => {
    if (!inherited.has(parent)) {
      inherited.add(parent);
      return parent;
    }
    const slot = free.shift();
    if (slot === undefined) {
      throw new RangeError(
        `${parents.length} beams do not fit into ${available.length} slots of the cache`,
      );
    }
    copies.push([parent, slot]);
    return slot;
  });
  return { slots, copies };
}

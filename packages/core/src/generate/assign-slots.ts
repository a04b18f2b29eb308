export interface SlotAssignment {
  /** The slot of each new branch. */
  readonly slots: readonly number[];
  /** What to copy first, from slot to slot. */
  readonly copies: readonly (readonly [from: number, to: number])[];
}

/**
 * Gives each new branch one of `slots` slots of the cache. The first child of a branch goes on
 * where its parent is; only further children need a copy, in a slot whose own branch has ended.
 */
export function assignSlots(
  parents: readonly { readonly slot: number }[],
  slots: number,
): SlotAssignment {
  const inherited = new Set(parents.map(({ slot }) => slot));
  const free = Array.from({ length: slots }, (_, slot) => slot).filter((s) => !inherited.has(s));
  const copies: [number, number][] = [];
  const assigned = parents.map(({ slot }) => {
    if (inherited.delete(slot)) return slot;
    const copy = free.shift();
    if (copy === undefined) throw new TooManyBranchesError(parents.length, slots);
    copies.push([slot, copy]);
    return copy;
  });
  return { slots: assigned, copies };
}

/** A sequence was asked for more continuations side by side than its cache has slots. */
export class TooManyBranchesError extends RangeError {
  override readonly name = 'TooManyBranchesError';
  constructor(
    readonly wanted: number,
    readonly slots: number,
  ) {
    super(
      `${wanted} continuations do not fit side by side: this sequence has ${slots} ` +
        `${slots === 1 ? 'slot' : 'slots'}. Open it with { slots: ${wanted} }, or ask for fewer beams`,
    );
  }
}

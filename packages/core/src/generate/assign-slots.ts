export interface SlotAssignment {
  /** The slot of each new branch. */
  readonly slots: readonly number[];
  /** Which slot is to continue which first. */
  readonly extensions: readonly (readonly [from: number, to: number])[];
}

/**
 * Gives each new branch one of the slots. The first child of a branch goes on where its parent is;
 * further children continue it in slots whose own branches have ended. What the first branches
 * continue stands in none of the slots: it is never written to.
 */
export function assignSlots(
  parents: readonly { readonly slot: number }[],
  slots: readonly number[],
): SlotAssignment {
  const wanted = new Set(parents.map(({ slot }) => slot));
  const inherited = new Set(slots.filter((slot) => wanted.has(slot)));
  const free = slots.filter((slot) => !wanted.has(slot));
  const extensions: [number, number][] = [];
  const assigned = parents.map(({ slot }) => {
    if (inherited.delete(slot)) return slot;
    const extended = free.shift();
    if (extended === undefined) throw new TooManyBranchesError(parents.length, slots.length);
    extensions.push([slot, extended]);
    return extended;
  });
  return { slots: assigned, extensions };
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

/** Two symbols and the one that joining them makes, each at its place in all three lists. */
export interface SymbolPairs {
  readonly lefts: number[];
  readonly rights: number[];
  readonly joins: number[];
}

/** Looks up what two neighbouring symbols make; -1 when they stay apart. */
export type PairTable = (left: number, right: number) => number;

/**
 * A hash table over three flat arrays with linear probing: merging asks it several times a token, and
 * a Map keyed by joined strings was three to four times slower.
 */
export function createPairTable(pairs: SymbolPairs): PairTable {
  const capacity = 2 ** Math.ceil(Math.log2(2 * pairs.lefts.length + 2));
  const lefts = new Int32Array(capacity).fill(-1);
  const rights = new Int32Array(capacity);
  const joins = new Int32Array(capacity);
  /** The slot that holds the pair, or the empty one where it would go. */
  const slotOf = (left: number, right: number): number => {
    let slot = hash(left, right) & (capacity - 1);
    while (lefts[slot] !== -1 && (lefts[slot] !== left || rights[slot] !== right)) {
      slot = (slot + 1) & (capacity - 1);
    }
    return slot;
  };
  pairs.lefts.forEach((left, at) => {
    const slot = slotOf(left, pairs.rights[at]!);
    lefts[slot] = left;
    rights[slot] = pairs.rights[at]!;
    joins[slot] = pairs.joins[at]!;
  });
  return (left, right) => {
    const slot = slotOf(left, right);
    return lefts[slot] === -1 ? -1 : joins[slot]!;
  };
}

/** Mixes until every bit of the ids reaches the low bits (the finisher of MurmurHash3). */
function hash(left: number, right: number): number {
  let mixed = Math.imul(left, 0x9e3779b1) + right;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

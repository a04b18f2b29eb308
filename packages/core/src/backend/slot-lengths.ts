import type { RunSegment } from './check-run.ts';

/** What a slot continues, and how many of its tokens it has from there. */
interface Continuation {
  readonly base: number;
  readonly shared: number;
}

/**
 * How many tokens the slots of a cache hold and which slot continues which, as `KvCache` promises it.
 * What they hold, and where, is the backend's.
 */
export class SlotLengths {
  readonly #lengths: number[];
  /** The most that each held since its memory was last given back. */
  readonly #held: number[];
  readonly #continued = new Map<number, Continuation>();

  /** `branches` more slots only continue others. */
  constructor(
    readonly slots: number,
    branches = 0,
  ) {
    this.#lengths = new Array<number>(slots + branches).fill(0);
    this.#held = [...this.#lengths];
  }

  /** More slots that only continue others. */
  addBranches(count: number): void {
    for (let i = 0; i < count; i++) {
      this.#lengths.push(0);
      this.#held.push(0);
    }
  }

  /**
   * @throws RangeError for slots that cannot hold the tokens of one run: one that only continues, but
   * nothing; one together with another that continues it; or continuations of one that others part.
   */
  requireUsable(segments: readonly Pick<RunSegment, 'slot'>[]): void {
    const slots = segments.map(({ slot }) => slot);
    const last = new Map<number, number>();
    for (const [at, slot] of slots.entries()) {
      this.#requireHolding(slot);
      const base = this.baseOf(slot);
      if (base === undefined) continue;
      if (slots.includes(base)) {
        throw new RangeError(
          `Slot ${slot} continues slot ${base}, so no run can append to both: run one after the other`,
        );
      }
      const before = last.get(base) ?? at - 1;
      if (before !== at - 1) {
        throw new RangeError(
          `Slots ${slots[before]} and ${slot} continue slot ${base}, but slot ${slots[at - 1]} stands between them: name them one after the other`,
        );
      }
      last.set(base, at);
    }
  }

  #requireHolding(slot: number): void {
    this.of(slot);
    if (slot < this.slots || this.#continued.has(slot)) return;
    throw new RangeError(
      `Slot ${slot} only continues others, and none now: extend() one of the first ${this.slots} to it`,
    );
  }

  of(slot: number): number {
    const length = this.#lengths[slot];
    if (length !== undefined) return length;
    const { length: slots } = this.#lengths;
    throw new RangeError(`The cache has no slot ${slot}: it was created with ${slots}`);
  }

  /** How many tokens a slot has memory for. */
  heldOf(slot: number): number {
    return Math.max(this.of(slot), this.#held[slot]!);
  }

  /** Notes that a slot has no memory any more for what was cut off it, but for this many tokens in all. */
  giveBack(slot: number, length = 0): void {
    this.#held[slot] = Math.max(this.of(slot), Math.min(length, this.#held[slot]!));
  }

  /** The slot that this one continues. */
  baseOf(slot: number): number | undefined {
    return this.#continued.get(slot)?.base;
  }

  /** How many of its tokens a slot has from the one it continues. */
  sharedOf(slot: number): number {
    return this.#continued.get(slot)?.shared ?? 0;
  }

  /** The slots that continue this one. */
  continuationsOf(slot: number): readonly number[] {
    return [...this.#continued].flatMap(([other, { base }]) => (base === slot ? [other] : []));
  }

  truncate(length: number, slot: number): void {
    if (!Number.isInteger(length) || length < 0) {
      throw new RangeError(`Cannot truncate a cache to ${length} tokens`);
    }
    if (length >= this.of(slot)) return;
    this.#change(slot, length);
    if (length === 0) this.#continued.delete(slot);
    const { base = slot, shared = 0 } = this.#continued.get(slot) ?? {};
    this.#continue(slot, { base, shared: Math.min(shared, length) });
  }

  append(slot: number, tokens: number): void {
    this.#change(slot, this.of(slot) + tokens);
  }

  copy(from: number, to: number): void {
    const [length, continued] = [this.of(from), this.#continued.get(from)];
    if (from === to) return;
    if (!continued) this.#requireOwn(to);
    this.#change(to, length);
    this.#continued.delete(to);
    if (continued) this.#continue(to, continued);
  }

  extend(from: number, to: number): void {
    if (from === to) throw new RangeError(`Slot ${from} cannot continue itself`);
    const length = this.of(from);
    const continued = this.#continued.get(from) ?? { base: from, shared: length };
    this.#change(to, length);
    this.#continue(to, continued);
  }

  clear(): void {
    this.#lengths.fill(0);
    this.#held.fill(0);
    this.#continued.clear();
  }

  #continue(slot: number, continued: Continuation): void {
    if (continued.base !== slot) this.#continued.set(slot, continued);
  }

  #requireOwn(slot: number): void {
    this.of(slot);
    if (slot < this.slots) return;
    throw new RangeError(`Slot ${slot} only continues others: extend() one to it instead`);
  }

  /** A slot that changes is continued no more. */
  #change(slot: number, length: number): void {
    for (const other of this.continuationsOf(slot)) {
      this.#lengths[other] = 0;
      this.#continued.delete(other);
    }
    this.#held[slot] = Math.max(this.heldOf(slot), length);
    this.#lengths[slot] = length;
  }
}

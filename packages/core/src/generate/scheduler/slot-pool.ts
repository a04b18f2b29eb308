import type { KvCache } from '../../backend/backend.ts';
import { emptyPast, type Past, reusableLength, type WantedPast } from '../past.ts';

/** A slot and the slots in which a request's beams live, for as long as the request takes. */
export interface Lease {
  readonly slot: number;
  readonly branchSlots: readonly number[];
  /** What the slot holds already. */
  readonly past: Past;
}

/** What prompts found in slots that earlier requests had left, or that others still use. */
export interface PrefixUse {
  /** Requests that found a beginning of their prompt. */
  readonly hits: number;
  readonly misses: number;
  /** Positions that did not have to be read. */
  readonly savedTokens: number;
  /** Positions that slots without a request hold. */
  readonly idleTokens: number;
}

interface Slot {
  readonly slot: number;
  /** What it holds: while it is busy that grows. */
  held: { readonly past: Past };
  busy: boolean;
  usedAt: number;
}

const nothing = { past: emptyPast } as const;

/** Copying a shorter beginning from slot to slot gains nothing over reading it. */
const WORTH_COPYING = 16;

/** Gives out slots; who leaves one leaves behind what it holds, for whoever begins alike. */
export class SlotPool {
  readonly #slots: readonly Slot[];
  readonly #freeBranches: number[];
  readonly #counts = { hits: 0, misses: 0, savedTokens: 0 };
  #clock = 0;

  constructor(
    readonly cache: KvCache,
    slots: number,
    /** Positions that slots without a request may hold in all; those used longest ago go first. */
    readonly idleBudget: number,
  ) {
    this.#slots = Array.from({ length: slots }, (_, slot) => {
      return { slot, held: nothing, busy: false, usedAt: 0 };
    });
    this.#freeBranches = Array.from({ length: cache.slots - slots }, (_, i) => slots + i);
  }

  get use(): PrefixUse {
    const idle = this.#slots.filter(({ busy }) => !busy);
    const idleTokens = idle.reduce((sum, { slot }) => sum + this.cache.length(slot), 0);
    return { ...this.#counts, idleTokens };
  }

  canLease(beams: number): boolean {
    return this.#slots.some(({ busy }) => !busy) && this.#freeBranches.length >= beams;
  }

  /** The free slot that suits a prompt best, with as much of it as any slot holds. */
  async lease(wanted: WantedPast, beams: number): Promise<Lease> {
    const idle = this.#slots.filter(({ busy }) => !busy);
    const best = this.#bestFor(wanted);
    const chosen = this.#choose(idle, best);
    chosen.busy = true;
    const branchSlots = this.#freeBranches.splice(0, beams);
    try {
      if (best.shared < WORTH_COPYING && best.from !== chosen) this.#empty(chosen);
      else if (best.from && best.from !== chosen) await this.#copy(best.from, chosen);
    } catch (error) {
      this.#empty(chosen);
      this.release({ slot: chosen.slot, branchSlots });
      throw error;
    }
    return { slot: chosen.slot, branchSlots, past: chosen.held.past };
  }

  /** Counts what a prompt found, once it is known. */
  count(savedTokens: number): void {
    if (savedTokens > 0) this.#counts.hits++;
    else this.#counts.misses++;
    this.#counts.savedTokens += savedTokens;
  }

  /** From now on a leased slot holds what its sequence does. */
  occupy({ slot }: Lease, sequence: { readonly past: Past }): void {
    this.#slots[slot]!.held = sequence;
  }

  release({ slot, branchSlots }: Omit<Lease, 'past'>): void {
    const left = this.#slots[slot]!;
    const { past } = left.held;
    Object.assign(left, { held: { past }, busy: false, usedAt: ++this.#clock });
    this.#freeBranches.push(...branchSlots);
    this.#freeBranches.sort((a, b) => a - b);
    this.#keepBudget();
  }

  #bestFor(wanted: WantedPast): { readonly from?: Slot; readonly shared: number } {
    let best: { from?: Slot; shared: number } = { shared: 0 };
    for (const from of this.#slots) {
      const held = this.cache.length(from.slot);
      const shared = Math.min(reusableLength(from.held.past, wanted), held);
      const isBetter = shared > best.shared || (shared === best.shared && best.from?.busy);
      if (shared > 0 && isBetter) best = { from, shared };
    }
    return best;
  }

  /** The best one itself when nothing of it is lost; else the one that was used longest ago. */
  #choose(idle: readonly Slot[], { from, shared }: { from?: Slot; shared: number }): Slot {
    const oldest = idle.reduce((a, b) => (b.usedAt < a.usedAt ? b : a));
    if (!from || from.busy) return oldest;
    const isWhole = this.cache.length(from.slot) - shared < WORTH_COPYING;
    const isEmpty = this.cache.length(oldest.slot) === 0;
    return isWhole || !isEmpty ? from : oldest;
  }

  async #copy(from: Slot, to: Slot): Promise<void> {
    const { past } = from.held;
    await this.cache.copy(from.slot, to.slot);
    to.held = { past };
  }

  #empty(slot: Slot): void {
    this.cache.truncate(0, slot.slot);
    slot.held = nothing;
  }

  #keepBudget(): void {
    const idle = this.#slots.filter(({ busy }) => !busy).sort((a, b) => a.usedAt - b.usedAt);
    for (const slot of idle) {
      if (this.use.idleTokens <= this.idleBudget) return;
      this.#empty(slot);
      this.cache.giveBack(0, slot.slot);
    }
  }
}

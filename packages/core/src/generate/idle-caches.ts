import type { KvCache } from '../backend/backend.ts';
import { type Past, reusableLength, type WantedPast } from './past.ts';
import { promptLength } from './prompt.ts';

/** What a sequence leaves behind: keys and values, and the prompt that they stand for. */
export interface IdleCache {
  readonly cache: KvCache;
  readonly past: Past;
}

export interface IdleCacheUse {
  /** Sequences that began with what another had left. */
  readonly hits: number;
  /** Sequences that found nothing that was worth taking. */
  readonly misses: number;
  /** Positions that they did not have to read. */
  readonly savedTokens: number;
  /** Bytes it holds now, at most its budget. */
  readonly bytes: number;
  readonly sequences: number;
}

/**
 * Keys and values of conversations that have ended, for those that begin alike: with the same text
 * ids and the same pictures, under the same adapter and rotary base. The one left longest ago goes
 * first. What another conversation may come back to is not cut down for a few words in common.
 */
export class IdleCaches implements Disposable {
  readonly #idle: IdleCache[] = [];
  #spared: IdleCache | undefined;
  readonly #counts = { hits: 0, misses: 0, savedTokens: 0 };

  constructor(
    readonly budget: number,
    readonly bytesPerToken: number,
  ) {}

  get use(): IdleCacheUse {
    const bytes = this.#idle.reduce((sum, each) => sum + this.#bytesOf(each), 0);
    return { ...this.#counts, bytes, sequences: this.#idle.length };
  }

  /** Takes a cache over, or disposes it when it does not fit the budget. */
  leave(left: IdleCache): void {
    if (left.cache.length() > 0) this.#idle.push(left);
    else left.cache[Symbol.dispose]();
    while (this.use.bytes > this.budget) this.dropOldest();
  }

  /** Gives back the one that was left longest ago, unless it is spared. Whether there was one. */
  dropOldest(): boolean {
    const oldest = this.#idle.find((each) => each !== this.#spared);
    if (oldest) this.#remove(oldest);
    oldest?.cache[Symbol.dispose]();
    return oldest !== undefined;
  }

  /** Positions that can be given back. */
  get positions(): number {
    const all = this.#idle.reduce((sum, { cache }) => sum + cache.held(), 0);
    return all - this.sparedPositions;
  }

  /** Those that cannot, for now. */
  get sparedPositions(): number {
    return this.#spared?.cache.held() ?? 0;
  }

  /** What `work` gives; meanwhile, what a prompt would take is not given back. */
  sparing<Result>(wanted: WantedPast, work: () => Result): Result {
    this.#spared = this.#bestFor(wanted).best;
    try {
      return work();
    } finally {
      this.#spared = undefined;
    }
  }

  /** The one that holds most of a prompt, if that is half of what it holds. It is then the caller's. */
  take(wanted: WantedPast): IdleCache | undefined {
    const { best, shared } = this.#bestFor(wanted);
    if (!best) {
      this.#counts.misses++;
      return undefined;
    }
    this.#remove(best);
    this.#counts.hits++;
    this.#counts.savedTokens += Math.min(shared, promptLength(wanted.prompt) - 1); // the last is read anew
    return best;
  }

  #bestFor(wanted: WantedPast): { readonly best?: IdleCache; readonly shared: number } {
    let found: { best?: IdleCache; shared: number } = { shared: 0 };
    for (const best of this.#idle) {
      const shared = reusableLength(best.past, wanted);
      if (shared > found.shared && 2 * shared >= best.cache.length()) found = { best, shared };
    }
    return found;
  }

  #remove(idle: IdleCache): void {
    this.#idle.splice(this.#idle.indexOf(idle), 1);
  }

  /** Disposes what was made by something that is no more. */
  forget(origin: unknown): void {
    for (const each of this.#idle.filter(({ past }) => past.origin === origin)) {
      this.#remove(each);
      each.cache[Symbol.dispose]();
    }
  }

  [Symbol.dispose](): void {
    for (const { cache } of this.#idle.splice(0)) cache[Symbol.dispose]();
  }

  #bytesOf({ cache }: IdleCache): number {
    return cache.held() * this.bytesPerToken;
  }
}

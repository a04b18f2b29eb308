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

  /** Gives back the one that was left longest ago. Whether there was one. */
  dropOldest(): boolean {
    const oldest = this.#idle.shift();
    oldest?.cache[Symbol.dispose]();
    return oldest !== undefined;
  }

  /** The one that holds most of a prompt, if that is half of what it holds. It is then the caller's. */
  take(wanted: WantedPast): IdleCache | undefined {
    let best: IdleCache | undefined;
    let most = 0;
    for (const each of this.#idle) {
      const shared = reusableLength(each.past, wanted);
      if (shared > most && 2 * shared >= each.cache.length()) [best, most] = [each, shared];
    }
    if (!best) {
      this.#counts.misses++;
      return undefined;
    }
    this.#idle.splice(this.#idle.indexOf(best), 1);
    this.#counts.hits++;
    this.#counts.savedTokens += Math.min(most, promptLength(wanted.prompt) - 1); // the last is read anew
    return best;
  }

  /** Disposes what was made by something that is no more. */
  forget(origin: unknown): void {
    for (const each of this.#idle.filter(({ past }) => past.origin === origin)) {
      this.#idle.splice(this.#idle.indexOf(each), 1);
      each.cache[Symbol.dispose]();
    }
  }

  [Symbol.dispose](): void {
    for (const { cache } of this.#idle.splice(0)) cache[Symbol.dispose]();
  }

  #bytesOf({ cache }: IdleCache): number {
    return cache.length() * this.bytesPerToken;
  }
}

import type { CacheLayer } from '../graph/graph.ts';
import type { KvCache } from './backend.ts';
import type { RunSegment } from './check-run.ts';
import { RunError } from './errors.ts';
import type { CacheEntry, KernelTable } from './kernel-table.ts';

/** The cache of a kernel backend: an entry for each slot and layer, filled by its attention kernel. */
export class KernelCache<T> implements KvCache {
  readonly #entries = new Map<string, CacheEntry<T>>();
  readonly #lengths: number[];

  constructor(
    readonly table: KernelTable<T>,
    readonly layers: readonly CacheLayer[],
    readonly capacity: number,
    readonly slots: number,
  ) {
    requireCount('capacity', capacity);
    requireCount('slots', slots);
    this.#lengths = new Array<number>(slots).fill(0);
  }

  length(slot = 0): number {
    const length = this.#lengths[slot];
    if (length === undefined) {
      throw new RangeError(`The cache has no slot ${slot}: it was created with ${this.slots}`);
    }
    return length;
  }

  truncate(length: number, slot = 0): void {
    if (!Number.isInteger(length) || length < 0) {
      throw new RangeError(`Cannot truncate a cache to ${length} tokens`);
    }
    this.#lengths[slot] = Math.min(this.length(slot), length);
  }

  async copy(from: number, to: number): Promise<void> {
    const length = this.length(from);
    this.truncate(0, to);
    if (from === to) return;
    for (const { layer } of this.layers) this.#copyEntry(this.entry(layer, from), layer, to);
    this.#lengths[to] = length;
  }

  entry(layer: number, slot: number): CacheEntry<T> {
    const place = `${slot}/${layer}`;
    const known = this.#entries.get(place) ?? {};
    this.#entries.set(place, known);
    return known;
  }

  /** Counts the tokens of a run that has succeeded. */
  commit(segments: readonly RunSegment[]): void {
    for (const { slot, past, tokens } of segments) this.#lengths[slot] = past + tokens;
  }

  [Symbol.dispose](): void {
    for (const entry of this.#entries.values()) this.#empty(entry);
    this.#entries.clear();
    this.#lengths.fill(0);
  }

  #copyEntry({ keys, values }: CacheEntry<T>, layer: number, to: number): void {
    const entry = this.entry(layer, to);
    this.#empty(entry);
    if (keys !== undefined) entry.keys = this.table.clone(keys);
    if (values !== undefined) entry.values = this.table.clone(values);
  }

  #empty(entry: CacheEntry<T>): void {
    for (const value of [entry.keys, entry.values]) {
      if (value !== undefined) this.table.dispose(value);
    }
    delete entry.keys;
    delete entry.values;
  }
}

function requireCount(what: string, count: number): void {
  if (Number.isInteger(count) && count > 0) return;
  throw new RunError(`createCache: ${what} must be a whole number above 0, but it is ${count}`);
}

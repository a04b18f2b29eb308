import type { CacheLayer } from '../graph/graph.ts';
import type { CacheOptions, CacheRoom, KvCache, KvFormat } from './backend.ts';
import type { RunSegment } from './check-run.ts';
import { RunError, UnsupportedError } from './errors.ts';
import type { CacheEntry, KernelTable } from './kernel-table.ts';
import { SlotLengths } from './slot-lengths.ts';

/** The cache of a kernel backend: an entry for each slot and layer, filled by its attention kernel. */
export class KernelCache<T> implements KvCache {
  readonly #entries = new Map<string, CacheEntry<T>>();
  capacity: number;
  slots: number;
  readonly kv: KvFormat;
  readonly #lengths: SlotLengths;
  #runs = 0;
  #disposed = false;

  constructor(
    readonly table: KernelTable<T>,
    readonly layers: readonly CacheLayer[],
    { capacity, slots = 1, branches = 0, kv = 'float32' }: CacheOptions,
  ) {
    requireCount('capacity', capacity);
    requireCount('slots', slots);
    requireFormat(table, kv);
    table.requireCacheMemory?.({ layers, slots, capacity, kv, held: 0 });
    this.capacity = capacity;
    this.kv = kv;
    this.slots = slots + branches;
    this.#lengths = new SlotLengths(slots, branches);
  }

  /** @throws RangeError for slots that cannot hold the tokens of one run. */
  requireUsable(segments: readonly RunSegment[]): void {
    this.#lengths.requireUsable(segments);
  }

  /** Kernels make entries longer when they next append to them. */
  async grow({ capacity = 0, slots = 0 }: CacheRoom): Promise<void> {
    if (capacity > this.capacity) this.#requireMemory(capacity);
    this.capacity = Math.max(this.capacity, capacity);
    this.#lengths.addBranches(slots - this.slots);
    this.slots = Math.max(this.slots, slots);
  }

  length(slot = 0): number {
    return this.#lengths.of(slot);
  }

  held(slot = 0): number {
    return this.#lengths.heldOf(slot);
  }

  /** Kernels cut tensors when they next append to them; those of an empty slot go at once. */
  truncate(length: number, slot = 0): void {
    this.#lengths.truncate(length, slot);
    if (this.length(slot) > 0) return;
    for (const { layer } of this.layers) this.#empty(this.entry(layer, slot));
    this.#lengths.giveBack(slot);
  }

  giveBack(): void {}

  async copy(from: number, to: number): Promise<void> {
    this.#lengths.copy(from, to);
    if (from === to) return;
    this.#copyEntries(from, to);
    this.#lengths.giveBack(to);
  }

  /** A copy: what a clone shares with its origin is the table's affair. */
  async extend(from: number, to: number): Promise<void> {
    this.#lengths.extend(from, to);
    this.#copyEntries(from, to);
    this.#lengths.giveBack(to);
  }

  entry(layer: number, slot: number): CacheEntry<T> {
    const place = `${slot}/${layer}`;
    const known = this.#entries.get(place) ?? {};
    this.#entries.set(place, known);
    return known;
  }

  requireOpen(): void {
    if (this.#disposed) throw new RunError('This cache has been disposed');
  }

  /** A run over the entries. They stay until it has ended, even where the cache is disposed before. */
  async during<Result>(run: () => Promise<Result>): Promise<Result> {
    this.#runs++;
    try {
      return await run();
    } finally {
      this.#runs--;
      if (this.#disposed) this.#release();
    }
  }

  /** Counts the tokens of a run that has succeeded. */
  commit(segments: readonly RunSegment[]): void {
    if (this.#disposed) return;
    for (const { slot, tokens } of segments) {
      this.#lengths.append(slot, tokens);
      this.#lengths.giveBack(slot);
    }
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#lengths.clear();
    this.#release();
  }

  #release(): void {
    if (this.#runs > 0) return;
    for (const entry of this.#entries.values()) this.#empty(entry);
    this.#entries.clear();
  }

  #requireMemory(capacity: number): void {
    const { layers, kv } = this;
    const { slots } = this.#lengths;
    const lengths = Array.from({ length: slots }, (_, slot) => this.length(slot));
    const held = lengths.reduce((sum, length) => sum + length, 0);
    this.table.requireCacheMemory?.({ layers, slots, capacity, kv, held });
  }

  #copyEntries(from: number, to: number): void {
    for (const { layer } of this.layers) this.#copyEntry(this.entry(layer, from), layer, to);
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

function requireFormat(
  { name, kvFormats = ['float32'] }: Pick<KernelTable<unknown>, 'name' | 'kvFormats'>,
  kv: KvFormat,
): void {
  if (kvFormats.includes(kv)) return;
  throw new UnsupportedError(
    `The ${name} backend cannot keep keys and values as ${kv}, only as ${kvFormats.join(' or ')}`,
  );
}

function requireCount(what: string, count: number): void {
  if (Number.isInteger(count) && count > 0) return;
  throw new RunError(`createCache: ${what} must be a whole number above 0, but it is ${count}`);
}

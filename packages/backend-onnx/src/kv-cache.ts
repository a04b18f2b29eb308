import {
  type CacheLayer,
  type CacheOptions,
  type CacheRoom,
  type KvCache,
  type KvFormat,
  RunError,
  type RunSegment,
  SlotLengths,
} from '@lingbi/core';
import { BranchLogs } from './branch-logs.ts';
import { Int8Store } from './int8-store.ts';
import { bufferKey, type KvStore } from './kv-store.ts';
import type { Runtime } from './library.ts';
import { positionBytes } from './position-bytes.ts';
import { kvParts } from './run-inputs.ts';
import type { GroupingCache, SegmentGroup } from './segment-groups.ts';

/** What a cache needs of the program it belongs to. */
export interface CacheOwner {
  readonly runtime: Runtime;
  readonly layers: readonly CacheLayer[];
  /** Runs a task after everything that was asked of the program before. */
  inTurn<T>(task: () => Promise<T>): Promise<T>;
  /** Makes sessions let go of the buffers of caches. Only in turn. */
  unbind(): Promise<void>;
  onDispose(cache: OnnxCache): void;
}

/**
 * Less than this stays: with 7 B parameters 64 positions. What drafts cut off comes again with the next
 * tokens, and touching pages anew would cost more than they take.
 */
const GIVE_BACK_BYTES = 16 * 2 ** 20;

/** Lengths of slots over the buffers of a store. Copies wait for the runs before them. */
export class OnnxCache implements KvCache, GroupingCache {
  capacity: number;
  slots: number;
  readonly kv: KvFormat;
  readonly logs: BranchLogs;
  readonly #lengths: SlotLengths;
  #disposed = false;

  constructor(
    readonly owner: CacheOwner,
    readonly store: KvStore,
    { capacity, slots, branches, kv }: Required<CacheOptions>,
  ) {
    this.kv = kv;
    this.capacity = capacity;
    this.slots = slots + branches;
    this.#lengths = new SlotLengths(slots, branches);
    this.logs = new BranchLogs(owner.runtime, owner.layers, this.#lengths);
  }

  get batches(): boolean {
    return this.store.batches;
  }

  /** Its store, if it keeps keys and values in int8. */
  get rounded(): Int8Store | undefined {
    return this.store instanceof Int8Store ? this.store : undefined;
  }

  grow({ capacity = 0, slots = 0 }: CacheRoom): Promise<void> {
    return this.owner.inTurn(async () => {
      this.requireOpen();
      if (capacity > this.capacity) {
        await this.owner.unbind();
        await this.store.grow(capacity, (slot) => this.length(slot));
        this.capacity = capacity;
        for (let slot = 0; slot < this.slots; slot++) this.#lengths.giveBack(slot);
      }
      this.#lengths.addBranches(slots - this.slots);
      this.slots = Math.max(this.slots, slots);
    });
  }

  length(slot = 0): number {
    return this.#lengths.of(slot);
  }

  held(slot = 0): number {
    return this.#lengths.heldOf(slot);
  }

  truncate(length: number, slot = 0): void {
    const base = this.baseOf(slot);
    this.#lengths.truncate(length, slot);
    if (this.baseOf(slot) !== base) void this.owner.inTurn(() => this.#forgetLogs());
  }

  /** What continuations appended goes when the last of them has ended. Only in turn. */
  async #forgetLogs(): Promise<void> {
    if (this.logs.ended.length === 0) return;
    await this.owner.unbind();
    for (const base of this.logs.ended) this.logs.forget(base);
  }

  giveBack(length: number, slot = 0): void {
    if (this.#bytesBeyond(length, slot) < GIVE_BACK_BYTES) return;
    void this.owner.inTurn(async () => this.#giveBack(length, slot));
  }

  /** Slots that only continue others take nothing here. */
  #bytesBeyond(length: number, slot: number): number {
    if (slot >= this.#lengths.slots) return 0;
    const bytes = this.owner.layers.map((layer) => positionBytes(layer, this.kv));
    const positions = this.held(slot) - Math.max(length, this.length(slot));
    return positions * bytes.reduce((sum, each) => sum + each, 0);
  }

  /** In turn, when more may have been read. What a disposed cache had goes as a whole. */
  #giveBack(length: number, slot: number): void {
    const kept = Math.max(length, this.length(slot));
    if (this.#disposed || !this.store.giveBack?.(slot, kept)) return;
    this.#lengths.giveBack(slot, kept);
  }

  copy(from: number, to: number): Promise<void> {
    return this.owner.inTurn(async () => {
      this.requireOpen();
      const [length, base] = [this.length(from), this.baseOf(from)];
      const rows = base === undefined ? undefined : this.logs.rowsOf({ slot: from, tokens: 0 });
      this.#lengths.copy(from, to);
      if (from === to) return;
      if (!rows) await this.store.copy(from, to, length);
      else if (base === to) this.logs.settle(to, rows, this.store);
      else this.logs.place(to, rows);
      await this.#forgetLogs();
    });
  }

  /** On a device slots share nothing: there it is a copy. */
  extend(from: number, to: number): Promise<void> {
    if (from !== to && this.baseOf(from) !== undefined) return this.copy(from, to);
    return this.owner.inTurn(async () => {
      this.requireOpen();
      this.#lengths.extend(from, to);
      if (!this.store.batches) await this.store.copy(from, to, this.length(from));
    });
  }

  baseOf(slot: number): number | undefined {
    return this.store.batches ? this.#lengths.baseOf(slot) : undefined;
  }

  /** @throws RangeError for slots that cannot hold the tokens of one run. */
  requireUsable(segments: readonly RunSegment[]): void {
    this.#lengths.requireUsable(segments);
  }

  /** Counts the tokens of a run that has succeeded; `groups` hold the segments in their order. */
  commit(segments: readonly RunSegment[], groups: readonly SegmentGroup[]): void {
    if (this.#disposed) return;
    const left = [...segments];
    for (const { pasts, branches, firstSlot, kind } of groups) {
      const own = left.splice(0, branches?.length ?? pasts.length);
      if (branches) this.logs.append(firstSlot, own);
      else if (kind === 'int8') this.#keepRows(own[0]!);
      else if (kind === 'int8Chunk') this.rounded!.closeChunk(firstSlot, pasts[0]!);
      for (const { slot, tokens } of own) this.#lengths.append(slot, tokens);
    }
  }

  /** Rounds the new rows of a slot, which the run has left as they are. */
  #keepRows({ slot, past, tokens }: RunSegment): void {
    const fresh = this.logs.fresh(slot, tokens);
    const spans = [{ from: 0, to: tokens }];
    for (const layer of this.owner.layers) {
      for (const part of kvParts) {
        const { numbers } = fresh.get(bufferKey(layer, part))!;
        this.store.write(layer, part, slot, past, { numbers, capacity: tokens, spans });
      }
    }
  }

  requireOpen(): void {
    if (this.#disposed) throw new RunError('This cache has been disposed');
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#lengths.clear();
    this.owner.onDispose(this);
    void this.owner.inTurn(async () => {
      this.store[Symbol.dispose]();
      this.logs[Symbol.dispose]();
    });
  }
}

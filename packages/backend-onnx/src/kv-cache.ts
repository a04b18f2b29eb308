import { type KvCache, RunError, type RunSegment } from '@lingbi/core';
import type { KvStore } from './kv-store.ts';

/** Lengths of slots over the buffers of a store. Copies wait for the runs before them. */
export class OnnxCache implements KvCache {
  readonly #lengths: number[];
  #disposed = false;

  constructor(
    readonly store: KvStore,
    readonly capacity: number,
    readonly slots: number,
    /** Runs a task after everything that was asked of the program before. */
    readonly inTurn: <T>(task: () => Promise<T>) => Promise<T>,
    readonly onDispose: (cache: OnnxCache) => void,
  ) {
    this.#lengths = new Array<number>(slots).fill(0);
  }

  length(slot = 0): number {
    const length = this.#lengths[slot];
    if (length !== undefined) return length;
    throw new RangeError(`The cache has no slot ${slot}: it was created with ${this.slots}`);
  }

  truncate(length: number, slot = 0): void {
    if (!Number.isInteger(length) || length < 0) {
      throw new RangeError(`Cannot truncate a cache to ${length} tokens`);
    }
    this.#lengths[slot] = Math.min(this.length(slot), length);
  }

  copy(from: number, to: number): Promise<void> {
    return this.inTurn(async () => {
      this.requireOpen();
      const length = this.length(from);
      this.truncate(0, to);
      if (from !== to) await this.store.copy(from, to, length);
      this.#lengths[to] = length;
    });
  }

  /** Counts the tokens of a run that has succeeded. */
  commit(segments: readonly RunSegment[]): void {
    for (const { slot, past, tokens } of segments) this.#lengths[slot] = past + tokens;
  }

  requireOpen(): void {
    if (this.#disposed) throw new RunError('This cache has been disposed');
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#lengths.fill(0);
    this.onDispose(this);
    void this.inTurn(async () => this.store[Symbol.dispose]());
  }
}

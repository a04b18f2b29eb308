/**
 * Slots that continue another. What they continue stays where it is, once for all of them; what they
 * append is a log of that slot, in the order in which it came, whosever it is. A slot is a list of
 * places in that log, so that copying one copies numbers, not keys and values.
 */
import type { CacheLayer, RunSegment, SlotLengths } from '@lingbi/core';
import { bufferKey, copyRows, type KvStore, type Span } from './kv-store.ts';
import type { Runtime } from './library.ts';
import { releaseMemory } from './release-memory.ts';
import { type KvPart, kvParts } from './run-inputs.ts';
import { storedHeadDim } from './stored-head-dim.ts';
import { type NativeValue, valueOver } from './values.ts';

/** Places a log begins with, and by which it grows at least. */
const LOG_STEP = 64;

/** What the new rows of one slot see: the start of what it continues, places of the log, themselves. */
export interface BranchRows {
  /** How many of the continued slot's own tokens it has. */
  readonly shared: number;
  readonly places: readonly number[];
  /** New tokens of this run. */
  readonly tokens: number;
}

/** Keys and values that continuations of one slot appended: [kvHeads, places, headDim] each. */
export interface BranchLog {
  readonly capacity: number;
  /** Places from here on are free. */
  end: number;
  readonly buffers: ReadonlyMap<string, KvBuffer>;
}

interface FreshRows {
  readonly tokens: number;
  readonly buffers: ReadonlyMap<string, KvBuffer>;
}

export interface KvBuffer {
  readonly numbers: Float32Array<ArrayBuffer>;
  readonly value: NativeValue;
}

/** The logs of a cache's slots. */
export class BranchLogs implements Disposable {
  readonly #places = new Map<number, readonly number[]>();
  readonly #logs = new Map<number, BranchLog>();
  /** Where a run leaves keys and values of its new rows, for each slot that is continued. */
  readonly #fresh = new Map<number, FreshRows>();

  constructor(
    readonly runtime: Runtime,
    readonly layers: readonly CacheLayer[],
    readonly lengths: SlotLengths,
  ) {}

  rowsOf({ slot, tokens }: Pick<RunSegment, 'slot' | 'tokens'>): BranchRows {
    const shared = this.lengths.sharedOf(slot);
    const own = this.lengths.of(slot) - shared;
    return { shared, places: (this.#places.get(slot) ?? []).slice(0, own), tokens };
  }

  /** What continuations of a slot appended so far, [kvHeads, capacity, headDim]. */
  log(base: number): BranchLog {
    const known = this.#logs.get(base);
    if (known) return known;
    const log = { capacity: LOG_STEP, end: 0, buffers: this.#allocate(LOG_STEP) };
    this.#logs.set(base, log);
    return log;
  }

  /** Buffers for keys and values of so many new rows of a slot's log, [kvHeads, tokens, headDim]. */
  fresh(base: number, tokens: number): ReadonlyMap<string, KvBuffer> {
    const known = this.#fresh.get(base);
    if (known?.tokens === tokens) return known.buffers;
    if (known) release(known.buffers);
    const buffers = this.#allocate(tokens);
    this.#fresh.set(base, { tokens, buffers });
    return buffers;
  }

  /** Makes sure that so many new rows find room in a log after the run. */
  reserve(base: number, tokens: number): BranchLog {
    const log = this.log(base);
    if (log.end + tokens <= log.capacity) return log;
    const held = this.#held(base);
    const needed = held.length + tokens;
    const capacity = Math.max(log.capacity, needed + LOG_STEP + (held.length >> 3));
    return this.#rebuild(base, log, held, Math.ceil(capacity / LOG_STEP) * LOG_STEP);
  }

  /** Takes over the new rows of a run, which are those of the segments in their order. */
  append(base: number, segments: readonly RunSegment[]): void {
    const log = this.log(base);
    const tokens = segments.reduce((sum, segment) => sum + segment.tokens, 0);
    const rows = [{ from: 0, to: tokens }];
    this.#each((key, layer) => {
      const from = this.fresh(base, tokens).get(key)!.numbers;
      const added = { numbers: from, capacity: tokens, spans: rows };
      copyRows(added, log.buffers.get(key)!.numbers, log.capacity, log.end, layer);
    });
    for (const segment of segments) {
      const added = Array.from({ length: segment.tokens }, (_, i) => log.end + i);
      this.#places.set(segment.slot, [...this.rowsOf(segment).places, ...added]);
      log.end += segment.tokens;
    }
  }

  /** Makes a slot hold what another has appended. */
  place(slot: number, { places }: BranchRows): void {
    this.#places.set(slot, places);
  }

  /** Writes what a continuation of `base` appended behind what it shares with it. */
  settle(base: number, { shared, places }: BranchRows, store: KvStore): void {
    const log = this.log(base);
    const spans = spansOf(places);
    this.#each((key, layer, part) => {
      const { numbers } = log.buffers.get(key)!;
      store.write(layer, part, base, shared, { numbers, capacity: log.capacity, spans });
    });
  }

  /** Slots with a log that nothing continues any more. */
  get ended(): readonly number[] {
    const logged = [...this.#logs.keys()];
    return logged.filter((base) => this.lengths.continuationsOf(base).length === 0);
  }

  /** Gives back the memory of a slot's log. Nothing may be bound to it any more. */
  forget(base: number): void {
    for (const rows of [this.#logs, this.#fresh]) {
      const { buffers } = rows.get(base) ?? {};
      if (buffers) giveBack(buffers);
      rows.delete(base);
    }
  }

  /** Nothing may be bound to it any more. */
  [Symbol.dispose](): void {
    for (const base of [...this.#logs.keys(), ...this.#fresh.keys()]) this.forget(base);
    this.#places.clear();
  }

  /** Places that some continuation holds, ascending. */
  #held(base: number): readonly number[] {
    const each = this.lengths
      .continuationsOf(base)
      .map((slot) => this.rowsOf({ slot, tokens: 0 }).places);
    return [...new Set(each.flat())].sort((a, b) => a - b);
  }

  /** A log of another capacity with only what is held. */
  #rebuild(base: number, log: BranchLog, held: readonly number[], capacity: number): BranchLog {
    const [buffers, spans] = [this.#allocate(capacity), spansOf(held)];
    this.#each((key, layer) => {
      const { numbers } = log.buffers.get(key)!;
      const kept = { numbers, capacity: log.capacity, spans };
      copyRows(kept, buffers.get(key)!.numbers, capacity, 0, layer);
    });
    release(log.buffers);
    const moved = new Map(held.map((place, i) => [place, i]));
    for (const slot of this.lengths.continuationsOf(base)) {
      const { places } = this.rowsOf({ slot, tokens: 0 });
      this.#places.set(
        slot,
        places.map((place) => moved.get(place)!),
      );
    }
    const rebuilt = { capacity, end: held.length, buffers };
    this.#logs.set(base, rebuilt);
    return rebuilt;
  }

  #allocate(rows: number): ReadonlyMap<string, KvBuffer> {
    const buffers = new Map<string, KvBuffer>();
    this.#each((key, layer) => {
      const shape = [layer.kvHeads, rows, storedHeadDim(layer)];
      const numbers = new Float32Array(shape.reduce((all, length) => all * length));
      buffers.set(key, { numbers, value: valueOver(this.runtime, 'float32', shape, numbers) });
    });
    return buffers;
  }

  #each(visit: (key: string, layer: CacheLayer, part: KvPart) => void): void {
    for (const layer of this.layers) {
      for (const part of kvParts) visit(bufferKey(layer, part), layer, part);
    }
  }
}

function release(buffers: ReadonlyMap<string, KvBuffer>): void {
  for (const { value } of buffers.values()) value[Symbol.dispose]();
}

function giveBack(buffers: ReadonlyMap<string, KvBuffer>): void {
  release(buffers);
  releaseMemory(...[...buffers.values()].map(({ numbers }) => numbers));
}

/** Neighbouring places together. */
function spansOf(places: readonly number[]): readonly Span[] {
  const spans: Span[] = [];
  for (const place of places) {
    const last = spans.at(-1);
    if (last?.to === place) spans[spans.length - 1] = { from: last.from, to: place + 1 };
    else spans.push({ from: place, to: place + 1 });
  }
  return spans;
}

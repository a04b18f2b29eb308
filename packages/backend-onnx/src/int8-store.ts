import {
  type CacheLayer,
  CacheMemoryError,
  LARGEST_STEP,
  RunError,
  roundRow,
  UnsupportedError,
} from '@lingbi/core';
import {
  bufferKey,
  discardRows,
  type HeadRows,
  type KvStore,
  type KvStoreSize,
  moveHeads,
  restOfHeads,
  tooLarge,
} from './kv-store.ts';
import type { Runtime } from './library.ts';
import { releaseMemory } from './release-memory.ts';
import { type KvPart, kvParts } from './run-inputs.ts';
import { storedHeadDim } from './stored-head-dim.ts';
import { type NativeValue, valueOver } from './values.ts';

/** Unsigned keys times signed queries is the quick integer product; this stands for 0. */
export const KEY_ZERO = 128;

/** Sums of shares times values, both up to ±127, have to stay below 2^31. */
const MOST_POSITIONS = Math.floor(2 ** 31 / LARGEST_STEP ** 2);

/** Rows of heads as whole numbers: keys around `KEY_ZERO`, values around 0. */
interface Rounded {
  readonly steps: Uint8Array<ArrayBuffer> | Int8Array<ArrayBuffer>;
  /** What a step of each row is worth. */
  readonly sizes: Float32Array<ArrayBuffer>;
}

function emptyRows(part: KvPart, rows: number, width: number): Rounded {
  const steps = part === 'keys' ? new Uint8Array(rows * width) : new Int8Array(rows * width);
  return { steps, sizes: new Float32Array(rows) };
}

/** Keys or values of one layer of one slot. */
export interface SlotPart {
  readonly layer: CacheLayer;
  readonly part: KvPart;
  readonly slot: number;
}

/**
 * Keys and values rounded to whole numbers up to ±127, each head of each position by itself: whatever
 * comes later leaves them as they are. Heads of a slot lie as close as its length allows, so that
 * products need not be told of gaps.
 */
export class Int8Store implements KvStore {
  readonly batches = true;
  readonly #buffers = new Map<string, Rounded>();
  readonly #views = new Map<string, NativeValue>();
  readonly #chunks = new Map<number, ChunkRows>();
  /** Positions between two heads of each slot. */
  readonly #strides: number[];
  #capacity: number;

  constructor(
    readonly runtime: Runtime,
    readonly size: KvStoreSize,
  ) {
    requirePositions(size.capacity);
    this.#capacity = size.capacity;
    this.#strides = new Array<number>(size.slots).fill(this.#strideFor(1));
    this.#each((key, layer, part) => this.#buffers.set(key, allocate(layer, part, size)));
  }

  /** Makes room for so many positions in a slot; returns how many its views then show. */
  fit(slot: number, length: number): number {
    const [before, stride] = [this.#strides[slot]!, this.#strideFor(length)];
    if (stride <= before && before <= 2 * stride) return before;
    this.#strides[slot] = stride;
    const strides = { from: before, to: stride };
    this.#each((key, layer) =>
      this.#move(key, layer, slot, slot, strides, Math.min(before, stride)),
    );
    return stride;
  }

  /** Of the `at`-th so many heads, [heads, positions, headDim]: as many positions as `fit` says. */
  steps({ layer, part, slot }: SlotPart, heads: number = layer.kvHeads, at = 0): NativeValue {
    const { steps } = this.#buffers.get(bufferKey(layer, part))!;
    const shape = [heads, this.#strides[slot]!, storedHeadDim(layer)] as const;
    const key = `${bufferKey(layer, part)}.${slot}.${heads}.${at}`;
    return this.#view(key, steps, this.#row(layer, slot, at * heads), shape);
  }

  /** What a step is worth, float32 [heads, positions, 1]. */
  sizes({ layer, part, slot }: SlotPart, heads: number = layer.kvHeads, at = 0): NativeValue {
    const { sizes } = this.#buffers.get(bufferKey(layer, part))!;
    const shape = [heads, this.#strides[slot]!, 1] as const;
    const key = `${bufferKey(layer, part)}.${slot}.${heads}.${at}.sizes`;
    return this.#view(key, sizes, this.#row(layer, slot, at * heads), shape);
  }

  write(layer: CacheLayer, part: KvPart, slot: number, start: number, rows: HeadRows): void {
    const { steps, sizes } = this.#buffers.get(bufferKey(layer, part))!;
    const width = storedHeadDim(layer);
    const zero = part === 'keys' ? KEY_ZERO : 0;
    const added = rows.spans.reduce((sum, { from, to }) => sum + to - from, 0);
    this.fit(slot, Math.max(1, start + added));
    for (let head = 0; head < layer.kvHeads; head++) {
      let to = this.#row(layer, slot, head) + start;
      for (const span of rows.spans) {
        for (let row = span.from; row < span.to; row++, to++) {
          const from = (head * rows.capacity + row) * width;
          sizes[to] = roundRow(rows.numbers, from, width, steps, to * width, zero);
        }
      }
    }
  }

  /** Where a run leaves so many new rows of a slot. */
  openChunk(slot: number, tokens: number): ChunkRows {
    this.#chunks.get(slot)?.[Symbol.dispose]();
    const chunk = new ChunkRows(this.runtime, this.size.layers, tokens);
    this.#chunks.set(slot, chunk);
    return chunk;
  }

  /** Writes the new rows behind the first `start` positions of their slot. */
  closeChunk(slot: number, start: number): void {
    const chunk = this.#chunks.get(slot)!;
    this.#each((key, layer) => this.#append(key, layer, slot, start, chunk.rows.get(key)!));
    chunk[Symbol.dispose]();
    this.#chunks.delete(slot);
  }

  async copy(from: number, to: number, length: number): Promise<void> {
    this.#strides[to] = this.#strides[from]!;
    const stride = this.#strides[to]!;
    const strides = { from: stride, to: stride };
    this.#each((key, layer) => this.#move(key, layer, from, to, strides, length));
  }

  /** Heads stay as close as they are. */
  async grow(capacity: number, lengthOf: (slot: number) => number): Promise<void> {
    requirePositions(capacity);
    const longer = new Map<string, Rounded>();
    this.#each((key, layer, part) =>
      longer.set(key, allocate(layer, part, { ...this.size, capacity })),
    );
    this.#releaseViews();
    this.#each((key, layer) => {
      const { steps, sizes } = this.#buffers.get(key)!;
      this.#copyInto(longer.get(key)!, key, layer, capacity, lengthOf);
      this.#buffers.set(key, longer.get(key)!);
      releaseMemory(steps, sizes);
    });
    this.#capacity = capacity;
  }

  #copyInto(
    to: Rounded,
    key: string,
    layer: CacheLayer,
    capacity: number,
    lengthOf: (slot: number) => number,
  ): void {
    const { steps, sizes } = this.#buffers.get(key)!;
    const width = storedHeadDim(layer);
    for (const [slot, stride] of this.#strides.entries()) {
      for (let head = 0; head < layer.kvHeads; head++) {
        const first = this.#row(layer, slot, head);
        const last = first + lengthOf(slot);
        const target = slot * layer.kvHeads * capacity + head * stride;
        to.steps.set(steps.subarray(first * width, last * width), target * width);
        to.sizes.set(sizes.subarray(first, last), target);
      }
    }
  }

  #releaseViews(): void {
    for (const view of this.#views.values()) view[Symbol.dispose]();
    this.#views.clear();
  }

  views(): never {
    throw new RunError('A cache in int8 has no numbers to see');
  }

  firstTokens(): never {
    return this.views();
  }

  giveBack(slot: number, length: number): boolean {
    const { discard } = this.runtime;
    if (!discard) return false;
    const stride = this.fit(slot, Math.max(1, length));
    return this.size.layers.every((layer) => {
      const rows = restOfHeads(layer, slot, { capacity: this.#capacity, stride, length });
      return kvParts.every((part) => {
        const { steps, sizes } = this.#buffers.get(bufferKey(layer, part))!;
        const width = storedHeadDim(layer);
        return discardRows(discard, steps, rows, width) && discardRows(discard, sizes, rows, 1);
      });
    });
  }

  [Symbol.dispose](): void {
    this.#releaseViews();
    for (const chunk of this.#chunks.values()) chunk[Symbol.dispose]();
    this.#chunks.clear();
    for (const { steps, sizes } of this.#buffers.values()) releaseMemory(steps, sizes);
    this.#buffers.clear();
  }

  #append(key: string, layer: CacheLayer, slot: number, start: number, { steps, sizes }: Rounded) {
    const to = this.#buffers.get(key)!;
    const width = storedHeadDim(layer);
    const tokens = sizes.length / layer.kvHeads;
    for (let head = 0; head < layer.kvHeads; head++) {
      const [from, row] = [head * tokens, this.#row(layer, slot, head) + start];
      to.steps.set(steps.subarray(from * width, (from + tokens) * width), row * width);
      to.sizes.set(sizes.subarray(from, from + tokens), row);
    }
  }

  #move(
    key: string,
    layer: CacheLayer,
    from: number,
    to: number,
    strides: { readonly from: number; readonly to: number },
    length: number,
  ): void {
    const { steps, sizes } = this.#buffers.get(key)!;
    const [start, end] = [from, to].map((slot) => slot * this.#rowsOfSlot(layer)) as [
      number,
      number,
    ];
    const width = storedHeadDim(layer);
    moveHeads(steps, layer, width, { from: start * width, to: end * width }, strides, length);
    moveHeads(sizes, layer, 1, { from: start, to: end }, strides, length);
  }

  #view(
    key: string,
    numbers: Uint8Array | Int8Array | Float32Array,
    row: number,
    shape: readonly [heads: number, positions: number, width: number],
  ): NativeValue {
    const known = this.#views.get(key);
    if (known?.shape[1] === shape[1]) return known;
    known?.[Symbol.dispose]();
    const [heads, positions, width] = shape;
    const shown = numbers.subarray(row * width, (row + heads * positions) * width);
    const view = valueOver(this.runtime, typeOf(numbers), shape, shown);
    this.#views.set(key, view);
    return view;
  }

  #row(layer: CacheLayer, slot: number, head: number): number {
    return slot * this.#rowsOfSlot(layer) + head * this.#strides[slot]!;
  }

  #rowsOfSlot({ kvHeads }: CacheLayer): number {
    return kvHeads * this.#capacity;
  }

  /** An eighth more than needed, so that heads are seldom moved apart. */
  #strideFor(length: number): number {
    const step = Math.max(64, 2 ** Math.floor(Math.log2(length)) / 8);
    return Math.min(this.#capacity, Math.ceil(length / step) * step);
  }

  #each(visit: (key: string, layer: CacheLayer, part: KvPart) => void): void {
    for (const layer of this.size.layers) {
      for (const part of kvParts) visit(bufferKey(layer, part), layer, part);
    }
  }
}

/** New rows of a slot, as a run rounds them: [kvHeads, tokens, headDim], and what their steps are worth. */
class ChunkRows implements Disposable {
  readonly rows: Map<string, Rounded> = new Map();
  readonly #values = new Map<string, Readonly<Record<keyof Rounded, NativeValue>>>();

  constructor(runtime: Runtime, layers: readonly CacheLayer[], tokens: number) {
    for (const layer of layers) {
      for (const part of kvParts) {
        const rows = emptyRows(part, layer.kvHeads * tokens, storedHeadDim(layer));
        const value = (numbers: Rounded[keyof Rounded], width: number) =>
          valueOver(runtime, typeOf(numbers), [layer.kvHeads, tokens, width], numbers);
        const values = {
          steps: value(rows.steps, storedHeadDim(layer)),
          sizes: value(rows.sizes, 1),
        };
        this.rows.set(bufferKey(layer, part), rows);
        this.#values.set(bufferKey(layer, part), values);
      }
    }
  }

  values(layer: CacheLayer, part: KvPart): Readonly<Record<keyof Rounded, NativeValue>> {
    return this.#values.get(bufferKey(layer, part))!;
  }

  [Symbol.dispose](): void {
    for (const { steps, sizes } of this.#values.values()) {
      steps[Symbol.dispose]();
      sizes[Symbol.dispose]();
    }
  }
}

function requirePositions(capacity: number): void {
  if (capacity <= MOST_POSITIONS) return;
  throw new UnsupportedError(
    `A cache in int8 holds at most ${MOST_POSITIONS} positions a slot, but ${capacity} are asked for: keep keys and values as float32`,
  );
}

function allocate(layer: CacheLayer, part: KvPart, { capacity, slots }: KvStoreSize): Rounded {
  const rows = slots * layer.kvHeads * capacity;
  const width = storedHeadDim(layer);
  try {
    return emptyRows(part, rows, width);
  } catch (cause) {
    throw new CacheMemoryError(capacity, slots, tooLarge(rows * width), { cause });
  }
}

function typeOf(numbers: Uint8Array | Int8Array | Float32Array) {
  if (numbers instanceof Float32Array) return 'float32';
  return numbers instanceof Uint8Array ? 'uint8' : 'int8';
}

import { type CacheLayer, CacheMemoryError, RunError, toFloat16 } from '@lingbi/core';
import type { DeviceMemory } from './device-memory.ts';
import type { DiscardMemory } from './discard-memory.ts';
import type { Runtime } from './library.ts';
import { releaseMemory } from './release-memory.ts';
import { type KvPart, kvParts } from './run-inputs.ts';
import { storedHeadDim } from './stored-head-dim.ts';
import { allocateValue, countOf, isSameShape, type NativeValue, valueOver } from './values.ts';

/** The buffers of a cache: keys and values of each layer, [slots, kvHeads, capacity, headDim]. */
export interface KvStore extends Disposable {
  /** Whether neighbouring slots can be seen as one batch, and tokens of a slot by themselves. */
  readonly batches: boolean;
  /** The buffers of `slots` neighbouring slots, from `firstSlot` on: the same map while they stay. */
  views(firstSlot: number, slots: number): SlotViews;
  /** The first `length` tokens of a slot, [kvHeads, length, headDim]. Only where it batches. */
  firstTokens(layer: CacheLayer, part: KvPart, slot: number, length: number): NativeValue;
  /** Writes rows of each head into a slot, from position `start` on. Only where it batches. */
  write(layer: CacheLayer, part: KvPart, slot: number, start: number, rows: HeadRows): void;
  /** Copies at least the first `length` tokens of a slot. */
  copy(from: number, to: number, length: number): Promise<void>;
  /**
   * Makes room for more tokens in each slot, of which `lengthOf` are held. Nothing may be bound to it.
   *
   * @throws CacheMemoryError when there is no memory for that; all is then as it was.
   */
  grow(capacity: number, lengthOf: (slot: number) => number): Promise<void>;
  /**
   * Gives back what a slot takes beyond its first `length` tokens, while no run is going on. Whether it
   * could; without it, it never can.
   */
  giveBack?(slot: number, length: number): boolean;
}

/** By layer and part, see `bufferKey`: [slots, kvHeads, capacity, headDim]. */
export type SlotViews = ReadonlyMap<string, NativeValue>;

/** Numbers in float32, or the bits of such in float16. */
type Numbers = Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;

/** Numbers of each head, [kvHeads, capacity, headDim], of which spans of positions are meant. */
export interface HeadRows<Row = Float32Array> {
  readonly numbers: Row;
  readonly capacity: number;
  readonly spans: readonly Span[];
}

export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface KvStoreSize {
  readonly layers: readonly CacheLayer[];
  readonly capacity: number;
  readonly slots: number;
}

/** Memory of this process. Pages that no token has touched yet cost nothing. */
export function hostStore(
  runtime: Runtime,
  size: KvStoreSize,
  type: 'float32' | 'float16' = 'float32',
): KvStore {
  return new HostStore(runtime, size, type);
}

class HostStore implements KvStore {
  readonly batches = true;
  readonly #buffers = new Map<string, Numbers>();
  readonly #views = new Map<string, NativeValue>();
  readonly #slotViews = new Map<string, SlotViews>();
  /**
   * How many tokens lie between two heads of a slot: the capacity, or as many as are read by
   * themselves. Moving heads together once is cheaper than copying them out for every step.
   */
  readonly #strides: number[];
  #capacity: number;

  constructor(
    readonly runtime: Runtime,
    readonly size: KvStoreSize,
    readonly type: 'float32' | 'float16',
  ) {
    this.#capacity = size.capacity;
    this.#strides = new Array<number>(size.slots).fill(size.capacity);
    this.#each((key, layer) => this.#buffers.set(key, allocate(layer, size, type)));
  }

  views(firstSlot: number, slots: number): SlotViews {
    for (let slot = firstSlot; slot < firstSlot + slots; slot++) this.#arrange(slot);
    const key = `${firstSlot}.${slots}`;
    const views = this.#slotViews.get(key) ?? this.#viewSlots(firstSlot, slots);
    this.#slotViews.set(key, views);
    return views;
  }

  /** Only the view that was shown last is kept: lengths it is shown in have no end. */
  firstTokens(layer: CacheLayer, part: KvPart, slot: number, length: number): NativeValue {
    this.#arrange(slot, length);
    const shape = [layer.kvHeads, length, storedHeadDim(layer)];
    const key = `${bufferKey(layer, part)}.${slot}`;
    const known = this.#views.get(key);
    if (known && isSameShape(known.shape, shape)) return known;
    known?.[Symbol.dispose]();
    const view = this.#view(layer, part, slot, shape);
    this.#views.set(key, view);
    return view;
  }

  write(layer: CacheLayer, part: KvPart, slot: number, start: number, rows: HeadRows): void {
    this.#arrange(slot);
    const length = this.#slotLength(layer);
    const buffer = this.#buffers.get(bufferKey(layer, part))!;
    const own = buffer.subarray(slot * length, (slot + 1) * length);
    const convert = this.type === 'float16' ? toFloat16 : undefined;
    copyRows(rows, own, this.#capacity, start, layer, convert);
  }

  async copy(from: number, to: number, length: number): Promise<void> {
    for (const slot of [from, to]) this.#arrange(slot);
    const strides = { from: this.#capacity, to: this.#capacity };
    this.#each((key, layer) => {
      const buffer = this.#buffers.get(key)!;
      const rows = { from: from * this.#slotLength(layer), to: to * this.#slotLength(layer) };
      moveHeads(buffer, layer, storedHeadDim(layer), rows, strides, length);
    });
  }

  /**
   * Untouched memory costs nothing, so that all of it is asked for before any is written. Then what a
   * layer had is given back before the next one moves.
   */
  async grow(capacity: number, lengthOf: (slot: number) => number): Promise<void> {
    for (let slot = 0; slot < this.size.slots; slot++) this.#arrange(slot);
    const longer = new Map<string, Numbers>();
    this.#each((key, layer) =>
      longer.set(key, allocate(layer, { ...this.size, capacity }, this.type)),
    );
    this.#releaseViews();
    this.#each((key, layer) => {
      const before = this.#buffers.get(key)!;
      this.#copyInto(longer.get(key)!, key, layer, capacity, lengthOf);
      this.#buffers.set(key, longer.get(key)!);
      releaseMemory(before);
    });
    this.#capacity = capacity;
    this.#strides.fill(capacity);
  }

  giveBack(slot: number, length: number): boolean {
    const { discard } = this.runtime;
    if (!discard) return false;
    this.#arrange(slot, this.#capacity, length);
    return this.size.layers.every((layer) => {
      const rows = restOfHeads(layer, slot, { capacity: this.#capacity, length });
      const buffers = kvParts.map((part) => this.#buffers.get(bufferKey(layer, part))!);
      return buffers.every((buffer) => discardRows(discard, buffer, rows, storedHeadDim(layer)));
    });
  }

  [Symbol.dispose](): void {
    this.#releaseViews();
    releaseMemory(...this.#buffers.values());
    this.#buffers.clear();
  }

  #copyInto(
    longer: Numbers,
    key: string,
    layer: CacheLayer,
    capacity: number,
    lengthOf: (slot: number) => number,
  ): void {
    const before = this.#slotLength(layer);
    for (let slot = 0; slot < this.size.slots; slot++) {
      const numbers = this.#buffers.get(key)!.subarray(slot * before, (slot + 1) * before);
      const spans = [{ from: 0, to: lengthOf(slot) }];
      const to = longer.subarray((slot * longer.length) / this.size.slots);
      copyRows({ numbers, capacity: this.#capacity, spans }, to, capacity, 0, layer);
    }
  }

  #releaseViews(): void {
    const slotViews = [...this.#slotViews.values()].flatMap((views) => [...views.values()]);
    for (const view of [...this.#views.values(), ...slotViews]) view[Symbol.dispose]();
    this.#views.clear();
    this.#slotViews.clear();
  }

  #viewSlots(firstSlot: number, slots: number): SlotViews {
    const views = new Map<string, NativeValue>();
    this.#each((key, layer, part) => {
      const shape = [slots, layer.kvHeads, this.#capacity, storedHeadDim(layer)];
      views.set(key, this.#view(layer, part, firstSlot, shape));
    });
    return views;
  }

  #view(layer: CacheLayer, part: KvPart, firstSlot: number, shape: readonly number[]): NativeValue {
    const start = firstSlot * this.#slotLength(layer);
    const numbers = this.#buffers.get(bufferKey(layer, part))!;
    const shown = numbers.subarray(start, start + countOf(shape));
    return valueOver(this.runtime, this.type, shape, shown);
  }

  /** Heads of a slot `stride` tokens apart, with the first `length` of each. */
  #arrange(slot: number, stride = this.#capacity, length = Infinity): void {
    const before = this.#strides[slot]!;
    if (before === stride) return;
    this.#strides[slot] = stride;
    this.#each((key, layer) => {
      const start = slot * this.#slotLength(layer);
      const strides = { from: before, to: stride };
      const kept = Math.min(before, stride, length);
      const starts = { from: start, to: start };
      const width = storedHeadDim(layer);
      moveHeads(this.#buffers.get(key)!, layer, width, starts, strides, kept);
    });
  }

  #slotLength(layer: CacheLayer): number {
    return layer.kvHeads * this.#capacity * storedHeadDim(layer);
  }

  #each(visit: (key: string, layer: CacheLayer, part: KvPart) => void): void {
    for (const layer of this.size.layers) {
      for (const part of kvParts) visit(bufferKey(layer, part), layer, part);
    }
  }
}

export function bufferKey({ layer }: CacheLayer, part: KvPart): string {
  return `${layer}.${part}`;
}

function allocate(
  layer: CacheLayer,
  { capacity, slots }: KvStoreSize,
  type: 'float32' | 'float16',
): Numbers {
  const length = slots * layer.kvHeads * capacity * storedHeadDim(layer);
  const Kind = type === 'float16' ? Uint16Array : Float32Array;
  try {
    return new Kind(length);
  } catch (cause) {
    const bytes = length * Kind.BYTES_PER_ELEMENT;
    throw new CacheMemoryError(capacity, slots, tooLarge(bytes), { cause });
  }
}

/** Why there is no cache, for messages. */
export function tooLarge(bytes: number): string {
  const size = (bytes / 2 ** 30).toFixed(1);
  return `keys or values of one layer take ${size} GiB, which this process cannot get`;
}

export interface FromTo {
  readonly from: number;
  readonly to: number;
}

/**
 * Moves the first `length` tokens of each head. Where heads come to lie further apart, the last one
 * goes first, so that none is written over before it has moved.
 */
export function moveHeads(
  buffer: Numbers | Int8Array | Uint8Array,
  { kvHeads }: CacheLayer,
  width: number,
  starts: FromTo,
  strides: FromTo,
  length: number,
): void {
  for (let i = 0; i < kvHeads; i++) {
    const head = strides.to > strides.from ? kvHeads - 1 - i : i;
    const from = starts.from + head * strides.from * width;
    buffer.copyWithin(starts.to + head * strides.to * width, from, from + length * width);
  }
}

/** How the heads of a slot lie. */
export interface SlotShape {
  readonly capacity: number;
  /** Rows from one head to the next. Default: the capacity. */
  readonly stride?: number;
  /** Rows that a head holds. */
  readonly length: number;
}

/** The rows of a slot that hold nothing: behind those of each head. */
export function restOfHeads(
  { kvHeads }: CacheLayer,
  slot: number,
  { capacity, stride = capacity, length }: SlotShape,
): readonly Span[] {
  const first = slot * kvHeads * capacity;
  return Array.from({ length: kvHeads }, (_, head) => {
    const isLast = head === kvHeads - 1;
    const end = isLast ? kvHeads * capacity : (head + 1) * stride;
    return { from: first + head * stride + length, to: first + end };
  });
}

/** Gives rows of so many numbers back to the system. Whether it took them. */
export function discardRows(
  discard: DiscardMemory,
  numbers: Numbers | Int8Array<ArrayBuffer> | Uint8Array<ArrayBuffer>,
  rows: readonly Span[],
  width: number,
): boolean {
  return rows.every(({ from, to }) => discard(numbers.subarray(from * width, to * width)));
}

/** Memory of a device: a buffer for each slot, because a device shows no part of a buffer. */
export function deviceStore(runtime: Runtime, memory: DeviceMemory, size: KvStoreSize): KvStore {
  let { capacity } = size;
  const allocated = (...[kvHeads, positions, headDim]: readonly [number, number, number]) =>
    allocateValue(runtime, memory.allocator, 'float32', [1, kvHeads, positions, headDim]);
  const buffers = new Map<string, NativeValue>();
  /** Made when it is first asked for: slots that nobody uses take no memory. */
  const bufferOf = (layer: CacheLayer, part: KvPart, slot: number) => {
    const key = `${bufferKey(layer, part)}.${slot}`;
    const buffer = buffers.get(key) ?? allocated(layer.kvHeads, capacity, storedHeadDim(layer));
    buffers.set(key, buffer);
    return buffer;
  };
  const allocatedFor = (larger: number, shape: readonly [number, number, number]) => {
    try {
      return allocated(...shape);
    } catch (cause) {
      const because = 'the device has no memory for the keys or values of a layer';
      throw new CacheMemoryError(larger, size.slots, because, { cause });
    }
  };
  /** After a growth that failed, buffers differ in how much they can hold. */
  const bufferLike = (other: NativeValue, key: string) => {
    const [, ...shape] = other.shape as [number, number, number, number];
    const known = buffers.get(key);
    if (known?.shape[2] === other.shape[2]) return known!;
    known?.[Symbol.dispose]();
    const buffer = allocated(...shape);
    buffers.set(key, buffer);
    return buffer;
  };
  const hidden = (): never => {
    throw new RunError('Numbers of a cache on a device cannot be seen one by one');
  };
  return {
    batches: false,
    views: (slot) => {
      const parts = size.layers.flatMap((layer) => kvParts.map((part) => ({ layer, part })));
      return new Map(
        parts.map(({ layer, part }) => [bufferKey(layer, part), bufferOf(layer, part, slot)]),
      );
    },
    firstTokens: hidden,
    write: hidden,
    async copy(from, to) {
      for (const layer of size.layers) {
        for (const part of kvParts) {
          const source = bufferOf(layer, part, from);
          await memory.copy(source, bufferLike(source, `${bufferKey(layer, part)}.${to}`));
        }
      }
    },
    async grow(larger) {
      for (const [key, buffer] of buffers) {
        const [, kvHeads, held, headDim] = buffer.shape as [1, number, number, number];
        if (held >= larger) continue;
        using rest = allocatedFor(larger, [kvHeads, larger - held, headDim]);
        const longer = allocatedFor(larger, [kvHeads, larger, headDim]);
        buffers.set(key, longer);
        try {
          await memory.join(buffer, rest, longer);
        } catch (error) {
          buffers.set(key, buffer);
          longer[Symbol.dispose]();
          throw error;
        }
        buffer[Symbol.dispose]();
      }
      capacity = larger;
    },
    [Symbol.dispose]() {
      for (const buffer of buffers.values()) buffer[Symbol.dispose]();
      buffers.clear();
    },
  };
}

/** Rows of each head from one buffer to another, one after the other from row `start` on. */
export function copyRows<Row extends Float32Array | Uint16Array>(
  { numbers, capacity, spans }: HeadRows<Row>,
  to: Float32Array | Uint16Array,
  toCapacity: number,
  start: number,
  layer: CacheLayer,
  convert: (rows: Row) => ArrayLike<number> = (rows) => rows,
): void {
  const width = storedHeadDim(layer);
  for (let head = 0; head < layer.kvHeads; head++) {
    const source = head * capacity;
    let target = (head * toCapacity + start) * width;
    for (const span of spans) {
      const rows = numbers.subarray((source + span.from) * width, (source + span.to) * width);
      to.set(convert(rows as Row), target);
      target += rows.length;
    }
  }
}

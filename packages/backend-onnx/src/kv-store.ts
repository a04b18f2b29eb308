import { type CacheLayer, RunError } from '@lingbi/core';
import type { DeviceMemory } from './device-memory.ts';
import type { Runtime } from './library.ts';
import { storedHeadDim } from './lowerings/attention.ts';
import { type KvPart, kvParts } from './run-inputs.ts';
import { allocateValue, type NativeValue, valueOver } from './values.ts';

/** The buffers of a cache: keys and values of each layer, [slots, kvHeads, capacity, headDim]. */
export interface KvStore extends Disposable {
  /** Whether neighbouring slots can be seen as one batch. */
  readonly batches: boolean;
  /** The buffer of `slots` neighbouring slots, from `firstSlot` on. */
  view(layer: CacheLayer, part: KvPart, firstSlot: number, slots: number): NativeValue;
  /** Copies at least the first `length` tokens of a slot. */
  copy(from: number, to: number, length: number): Promise<void>;
}

export interface KvStoreSize {
  readonly layers: readonly CacheLayer[];
  readonly capacity: number;
  readonly slots: number;
}

/** Memory of this process. Pages that no token has touched yet cost nothing. */
export function hostStore(runtime: Runtime, { layers, capacity, slots }: KvStoreSize): KvStore {
  const buffers = new Map<string, Float32Array>();
  const views = new Map<string, NativeValue>();
  const slotLength = (layer: CacheLayer) => layer.kvHeads * capacity * storedHeadDim(layer);
  for (const layer of layers) {
    for (const part of kvParts) {
      buffers.set(`${layer.layer}.${part}`, allocate(slots * slotLength(layer), capacity, slots));
    }
  }
  return {
    batches: true,
    view(layer, part, firstSlot, count) {
      const key = `${layer.layer}.${part}.${firstSlot}+${count}`;
      const known = views.get(key);
      if (known) return known;
      const [start, length] = [firstSlot * slotLength(layer), count * slotLength(layer)];
      const numbers = buffers.get(`${layer.layer}.${part}`)!.subarray(start, start + length);
      const shape = [count, layer.kvHeads, capacity, storedHeadDim(layer)];
      const view = valueOver(runtime, 'float32', shape, numbers);
      views.set(key, view);
      return view;
    },
    async copy(from, to, length) {
      for (const layer of layers) {
        for (const part of kvParts) {
          const buffer = buffers.get(`${layer.layer}.${part}`)!;
          copyHeads(buffer, from, to, length * storedHeadDim(layer), layer, slotLength(layer));
        }
      }
    },
    [Symbol.dispose]() {
      for (const view of views.values()) view[Symbol.dispose]();
      views.clear();
      buffers.clear();
    },
  };
}

function allocate(length: number, capacity: number, slots: number): Float32Array {
  try {
    return new Float32Array(length);
  } catch (cause) {
    throw new RunError(
      `createCache: keys or values of one layer take ${((length * 4) / 2 ** 30).toFixed(1)} GiB for ${capacity} tokens in ${slots} slots, which this process cannot get. ` +
        'Ask for less capacity or fewer slots',
      { cause },
    );
  }
}

/** Each head's tokens stand together, so only those of the copied length move. */
function copyHeads(
  buffer: Float32Array,
  from: number,
  to: number,
  length: number,
  { kvHeads }: CacheLayer,
  slotLength: number,
): void {
  const headLength = slotLength / kvHeads;
  for (let head = 0; head < kvHeads; head++) {
    const start = from * slotLength + head * headLength;
    buffer.copyWithin(to * slotLength + head * headLength, start, start + length);
  }
}

/** Memory of a device: a buffer for each slot, because a device shows no part of a buffer. */
export function deviceStore(
  runtime: Runtime,
  memory: DeviceMemory,
  { layers, capacity, slots }: KvStoreSize,
): KvStore {
  const buffers = new Map<string, NativeValue>();
  const place = (layer: CacheLayer, part: KvPart, slot: number) => `${layer.layer}.${part}.${slot}`;
  const each = function* () {
    for (const layer of layers) for (const part of kvParts) yield [layer, part] as const;
  };
  for (const [layer, part] of each()) {
    for (let slot = 0; slot < slots; slot++) {
      const shape = [1, layer.kvHeads, capacity, storedHeadDim(layer)];
      const buffer = allocateValue(runtime, memory.allocator, 'float32', shape);
      buffers.set(place(layer, part, slot), buffer);
    }
  }
  return {
    batches: false,
    view: (layer, part, slot) => buffers.get(place(layer, part, slot))!,
    async copy(from, to) {
      for (const [layer, part] of each()) {
        const [source, target] = [from, to].map((slot) => buffers.get(place(layer, part, slot))!);
        await memory.copy(source!, target!);
      }
    },
    [Symbol.dispose]() {
      for (const buffer of buffers.values()) buffer[Symbol.dispose]();
      buffers.clear();
    },
  };
}

import type { DType, HostArray } from '@lingbi/core';
import koffi from 'koffi';
import type { Handle } from './api.ts';
import type { Runtime } from './library.ts';
import { type ElementType, elementTypes } from './model-writer.ts';

export type ElementArray = HostArray | Int8Array | BigInt64Array;

/** A tensor of ONNX Runtime's (an OrtValue). */
export interface NativeValue extends Disposable {
  readonly handle: Handle;
  readonly shape: readonly number[];
  /** Whether its numbers stand in this process's memory, where `viewNumbers` can look at them. */
  readonly onHost: boolean;
  /** Its numbers where they stand, once `viewNumbers` has looked at them. */
  view?: HostArray;
}

/** A tensor over memory that JavaScript owns; nothing is copied. */
export function valueOver(
  runtime: Runtime,
  type: ElementType,
  shape: readonly number[],
  data: ElementArray,
): NativeValue {
  return valueAt(runtime, type, shape, settled(data), data.byteLength);
}

/**
 * The array with its numbers at an address that stays: V8 keeps those of small arrays inside movable
 * objects until somebody asks for their buffer. An empty array has no address, so it gets one.
 */
function settled(data: ElementArray): ElementArray {
  return data.buffer.byteLength > 0 ? data : new Uint8Array(8);
}

/** A tensor over memory at an address; `owner` is kept alive as long as the tensor. */
export function valueAt(
  { api, cpuMemory }: Runtime,
  type: ElementType,
  shape: readonly number[],
  owner: ElementArray | Handle,
  byteLength: number,
): NativeValue {
  const handle = api.create(
    'wrapping memory as a tensor',
    'CreateTensorWithDataAsOrtValue',
    cpuMemory,
    owner,
    byteLength,
    BigInt64Array.from(shape, BigInt),
    shape.length,
    elementTypes[type],
  );
  return new Value({ api }, handle, shape, true, owner);
}

/** A tensor in memory that `allocator` gives, on whatever device it stands for. */
export function allocateValue(
  { api }: Pick<Runtime, 'api'>,
  allocator: Handle,
  type: ElementType,
  shape: readonly number[],
): NativeValue {
  const dims = BigInt64Array.from(shape, BigInt);
  const handle = api.create(
    `allocating [${shape.join(', ')}] on the device`,
    'CreateTensorAsOrtValue',
    allocator,
    dims,
    shape.length,
    elementTypes[type],
  );
  return new Value({ api }, handle, shape, false, undefined);
}

/** Takes over a tensor that ONNX Runtime made in this process's memory. */
export function adoptValue({ api }: Pick<Runtime, 'api'>, handle: Handle): NativeValue {
  return new Value({ api }, handle, readShape({ api }, handle), true, undefined);
}

class Value implements NativeValue {
  view?: HostArray;
  #released = false;

  constructor(
    readonly runtime: Pick<Runtime, 'api'>,
    readonly handle: Handle,
    readonly shape: readonly number[],
    readonly onHost: boolean,
    /** Memory that must outlive the tensor. */
    readonly owner: unknown,
  ) {}

  [Symbol.dispose](): void {
    if (this.#released) return;
    this.#released = true;
    this.runtime.api.release('ReleaseValue', this.handle);
  }
}

/** How many numbers a tensor has. */
export function countOf(shape: readonly number[]): number {
  return shape.reduce((all, dim) => all * dim, 1);
}

export function isSameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}

/** Looks at the numbers of a tensor where they stand: valid only while the tensor is. */
export function viewNumbers(
  { api }: Pick<Runtime, 'api'>,
  value: NativeValue,
  dtype: DType,
): HostArray {
  value.view ??= createView({ api }, value, dtype);
  return value.view;
}

function createView(
  { api }: Pick<Runtime, 'api'>,
  { handle, shape }: NativeValue,
  dtype: DType,
): HostArray {
  const { Type, bytes } = arrays[dtype];
  const length = countOf(shape);
  if (length === 0) return new Type(0);
  const address = api.create('reading a tensor', 'GetTensorMutableData', handle);
  return new Type(koffi.view(address, length * bytes));
}

const arrays = {
  float32: { Type: Float32Array, bytes: 4 },
  float16: { Type: Uint16Array, bytes: 2 },
  int32: { Type: Int32Array, bytes: 4 },
  uint8: { Type: Uint8Array, bytes: 1 },
} as const;

function readShape({ api }: Pick<Runtime, 'api'>, handle: Handle): readonly number[] {
  const doing = 'reading the shape of a result';
  const info = api.create(doing, 'GetTensorTypeAndShape', handle);
  try {
    const count: [number | bigint] = [0];
    api.call(doing, 'GetDimensionsCount', info, count);
    const dims = new BigInt64Array(Number(count[0]));
    if (dims.length > 0) api.call(doing, 'GetDimensions', info, dims, dims.length);
    return Array.from(dims, Number);
  } finally {
    api.release('ReleaseTensorTypeAndShapeInfo', info);
  }
}

import type { HostTensor } from '../backend/backend.ts';
import type { DType } from '../graph/graph.ts';

/** float32 numbers with a shape. */
export interface Floats extends HostTensor {
  readonly data: Float32Array;
}

/** float32 numbers under a shape: those given, or zeros. */
export function floats(shape: readonly number[], data?: Float32Array): Floats {
  const size = count(shape);
  return { dtype: 'float32', shape, data: data ?? new Float32Array(size) };
}

export function count(shape: readonly number[]): number {
  return shape.reduce((all, length) => all * length, 1);
}

/** How many rows of the last axis a tensor has. */
export function rowCount({ shape }: HostTensor): number {
  return count(shape.slice(0, -1));
}

export function width({ shape }: HostTensor): number {
  return shape.at(-1)!;
}

/** For each axis, how far apart its neighbours stand. */
export function strides(shape: readonly number[]): number[] {
  return shape.map((_, axis) => count(shape.slice(axis + 1)));
}

/** A tensor of the same dtype with room for a new shape. */
export function emptyLike({ dtype }: HostTensor, shape: readonly number[]): HostTensor {
  const size = count(shape);
  const data = {
    float32: () => new Float32Array(size),
    float16: () => new Uint16Array(size),
    int32: () => new Int32Array(size),
    uint8: () => new Uint8Array(size),
  } satisfies Record<DType, () => HostTensor['data']>;
  return { dtype, shape, data: data[dtype]() };
}

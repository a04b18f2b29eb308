import type { StoredDType } from './weight-source.ts';

export const BYTES_PER_NUMBER: Readonly<Record<StoredDType, number>> = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  uint8: 1,
  int8: 1,
};

/** How many numbers a tensor of this shape has; a scalar, `[]`, has one. */
export function countNumbers(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

export function countBytes(dtype: StoredDType, shape: readonly number[]): number {
  return countNumbers(shape) * BYTES_PER_NUMBER[dtype];
}

import { BYTES_PER_NUMBER, countNumbers } from './stored-dtype.ts';
import type { TensorPlace } from './tensor-place.ts';

/** Copies the numbers of a strided tensor together, row-major; `span` are the bytes of its span. */
export function gatherStrided(
  place: Extract<TensorPlace, { kind: 'strided' }>,
  span: Uint8Array,
): Uint8Array {
  const { shape, strides, width } = inWords(place);
  const gathered = new Uint8Array(countNumbers(shape) * width);
  const source = numbersOf(span, width);
  const target = numbersOf(gathered, width);
  const index = shape.map(() => 0);
  for (let to = 0, from = 0; to < target.length; to++) {
    target[to] = source[from]!;
    from += step(index, shape, strides);
  }
  return gathered;
}

/** Numbers of 8 bytes are moved as two of 4, in a dimension of their own. */
function inWords({ shape, strides, dtype }: Extract<TensorPlace, { kind: 'strided' }>): {
  shape: readonly number[];
  strides: readonly number[];
  width: number;
} {
  const width = BYTES_PER_NUMBER[dtype];
  if (width < 8) return { shape, strides, width };
  return { shape: [...shape, 2], strides: [...strides.map((stride) => stride * 2), 1], width: 4 };
}

/** Moves `index` to the next number, the last dimension first, and tells how far that is. */
function step(index: number[], shape: readonly number[], strides: readonly number[]): number {
  let distance = 0;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis]!++;
    if (index[axis]! < shape[axis]!) return distance + strides[axis]!;
    distance -= (index[axis]! - 1) * strides[axis]!;
    index[axis] = 0;
  }
  return distance;
}

// Integers as wide as the numbers, so that every bit pattern is copied as it is.
function numbersOf(bytes: Uint8Array, width: number): Uint8Array | Uint16Array | Uint32Array {
  const { buffer, byteOffset } = bytes;
  if (width === 1) return bytes;
  if (width === 2) return new Uint16Array(buffer, byteOffset, bytes.length / 2);
  return new Uint32Array(buffer, byteOffset, bytes.length / 4);
}

import { BYTES_PER_NUMBER } from './stored-dtype.ts';
import type { StoredDType } from './weight-source.ts';

/**
 * Little-endian numbers of any stored format as float32. float32 bytes are not copied when they are
 * aligned: the result then shares their memory. Integers beyond 2²⁴ are rounded.
 *
 * @throws RangeError when the bytes are no whole number of numbers.
 */
export function toFloat32(bytes: Uint8Array, dtype: StoredDType): Float32Array {
  const width = BYTES_PER_NUMBER[dtype];
  if (bytes.length % width !== 0) {
    throw new RangeError(
      `toFloat32: ${bytes.length} bytes are no whole number of ${dtype}s of ${width}`,
    );
  }
  // Typed arrays begin only at multiples of their width; a copy begins at 0.
  const { buffer, byteOffset } = bytes.byteOffset % width === 0 ? bytes : bytes.slice();
  const length = bytes.length / width;
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer, byteOffset, length);
    case 'float16':
      return fromFloat16(new Uint16Array(buffer, byteOffset, length));
    case 'bfloat16':
      return fromBfloat16(new Uint16Array(buffer, byteOffset, length));
    case 'int64':
      return Float32Array.from(new BigInt64Array(buffer, byteOffset, length), Number);
    case 'int32':
      return Float32Array.from(new Int32Array(buffer, byteOffset, length));
    case 'uint8':
      return Float32Array.from(new Uint8Array(buffer, byteOffset, length));
    case 'int8':
      return Float32Array.from(new Int8Array(buffer, byteOffset, length));
    default:
      throw dtype satisfies never;
  }
}

/** A bfloat16 is the upper half of a float32. */
function fromBfloat16(halves: Uint16Array): Float32Array {
  const bits = new Uint32Array(halves.length);
  for (let index = 0; index < halves.length; index++) bits[index] = halves[index]! << 16;
  return new Float32Array(bits.buffer);
}

/**
 * Sign, exponent and fraction move to their places; then a multiplication mends the exponent, whose
 * zero is at 15 in a float16 and at 127 in a float32, and makes subnormal numbers normal.
 */
function fromFloat16(halves: Uint16Array): Float32Array {
  const numbers = new Float32Array(halves.length);
  const bits = new Uint32Array(numbers.buffer);
  for (let index = 0; index < halves.length; index++) {
    const half = halves[index]!;
    const sign = (half & 0x8000) << 16;
    if ((half & 0x7c00) === 0x7c00) {
      bits[index] = sign | 0x7f800000 | ((half & 0x3ff) << 13); // infinity, or not a number
    } else {
      bits[index] = sign | ((half & 0x7fff) << 13);
      numbers[index]! *= 2 ** 112;
    }
  }
  return numbers;
}

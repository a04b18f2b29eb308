import { toFloat32 } from '../to-float32.ts';
import type { BlockEncoding, Encoding, WeightPart } from '../weight-source.ts';

/** The bytes of each part of a weight. */
export type WeightBytes = Readonly<Partial<Record<WeightPart, Uint8Array>>>;

/** An encoded weight as plain numbers, row-major in its own shape. */
export function decodeWeight(
  shape: readonly number[],
  encoding: Encoding,
  parts: WeightBytes,
): Float32Array {
  const values = parts.values!;
  switch (encoding.kind) {
    case 'dense':
      return toFloat32(values, encoding.dtype);
    case 'channels':
      return decodeChannels(shape, values, toFloat32(parts.scales!, 'float32'));
    case 'blocks': {
      const scales = toFloat32(parts.scales!, encoding.scales ?? 'float32');
      return decodeBlocks(shape, encoding, { values, scales, zeroPoints: parts.zeroPoints });
    }
    default:
      throw encoding satisfies never;
  }
}

export interface BlockParts {
  readonly values: Uint8Array;
  readonly scales: Float32Array;
  readonly zeroPoints?: Uint8Array | undefined;
}

/** See `BlockEncoding` for the layout. */
function decodeBlocks(
  shape: readonly number[],
  { bits, blockSize }: Pick<BlockEncoding, 'bits' | 'blockSize'>,
  { values, scales, zeroPoints }: BlockParts,
): Float32Array {
  const [out, width] = shape as readonly [number, number];
  const blocks = Math.ceil(width / blockSize);
  const zeroBytes = Math.ceil((blocks * bits) / 8);
  const numbers = new Float32Array(out * width);
  const at = bits === 4 ? nibbleAt : byteAt;
  for (let row = 0; row < out; row++) {
    for (let block = 0; block < blocks; block++) {
      const scale = scales[row * blocks + block]!;
      const zero = zeroPoints
        ? at(zeroPoints, row * zeroBytes * (8 / bits) + block)
        : 1 << (bits - 1);
      const start = (row * blocks + block) * blockSize;
      const end = Math.min(width, (block + 1) * blockSize);
      for (let column = block * blockSize; column < end; column++) {
        const stored = at(values, start + column - block * blockSize);
        numbers[row * width + column] = (stored - zero) * scale;
      }
    }
  }
  return numbers;
}

function nibbleAt(bytes: Uint8Array, index: number): number {
  const byte = bytes[index >> 1]!;
  return index % 2 === 0 ? byte & 15 : byte >> 4;
}

function byteAt(bytes: Uint8Array, index: number): number {
  return bytes[index]!;
}

/** From [in, out] to [out, in]. */
function decodeChannels(
  shape: readonly number[],
  values: Uint8Array,
  scales: Float32Array,
): Float32Array {
  const [out, width] = shape as readonly [number, number];
  const signed = new Int8Array(values.buffer, values.byteOffset, values.length);
  const numbers = new Float32Array(out * width);
  for (let column = 0; column < width; column++) {
    for (let row = 0; row < out; row++) {
      numbers[row * width + column] = signed[column * out + row]! * scales[row]!;
    }
  }
  return numbers;
}

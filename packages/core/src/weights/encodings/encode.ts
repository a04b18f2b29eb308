import type { Encoding, StoredDType } from '../weight-source.ts';
import type { WeightBytes } from './decode.ts';
import { type EncodeBlocksOptions, encodeBlocks } from './encode-blocks.ts';
import { encodeChannels } from './encode-channels.ts';
import { toBfloat16 } from './to-bfloat16.ts';
import { toFloat16 } from './to-float16.ts';

/**
 * Encodes a weight. But for `channels`, which stands transposed, some rows of a matrix may be encoded
 * at a time, and the bytes of each part put together.
 *
 * @param numbers row-major, [rows, width] of a matrix
 * @throws RangeError for a dense format that holds no fractions.
 */
export function encodeWeight(
  numbers: Float32Array,
  width: number,
  encoding: Encoding,
  options?: EncodeBlocksOptions,
): WeightBytes {
  switch (encoding.kind) {
    case 'dense':
      return { values: denseBytes(numbers, encoding.dtype) };
    case 'channels':
      return encodeChannels(numbers, width);
    case 'blocks':
      return encodeBlocks(numbers, width, encoding, options);
    default:
      throw encoding satisfies never;
  }
}

function denseBytes(numbers: Float32Array, dtype: StoredDType): Uint8Array {
  if (dtype === 'float32') {
    return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  }
  if (dtype === 'float16') return new Uint8Array(toFloat16(numbers).buffer);
  if (dtype === 'bfloat16') return new Uint8Array(toBfloat16(numbers).buffer);
  throw new RangeError(`Weights are written as float32, float16 or bfloat16, not as ${dtype}`);
}

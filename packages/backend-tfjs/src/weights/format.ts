export const WEIGHT_FORMATS = ['float32', 'bfloat16', 'int8', 'int4'] as const;

/**
 * How matrices are kept: as they are computed with, or smaller. Below float32 only the `tensorflow`
 * engine can: TensorFlow has such tensors, TensorFlow.js has not.
 */
export type WeightFormat = (typeof WEIGHT_FORMATS)[number];

/** Input features that share a scale in `int4`: as many as AWQ and GPTQ checkpoints use. */
export const INT4_BLOCK = 128;

/**
 * Larger matrices stay bfloat16 in `int8` and `int4`: they are widened for each product, and a
 * vocabulary of 92544 words by 4096 features would take 0.7 GiB for that moment. The last linear is
 * also the one whose rounding shows most.
 */
const LARGEST_WIDENED = 2 ** 28;

/** The format a matrix [out, in] is really kept in: some do not suit the wanted one. */
export function formatOf(
  wanted: WeightFormat,
  [out, width]: readonly [out: number, width: number],
): WeightFormat {
  if (wanted === 'float32' || wanted === 'bfloat16') return wanted;
  if (out * width > LARGEST_WIDENED) return 'bfloat16';
  // Two halves of whole blocks: the two nibbles of a byte stand in different ones.
  return wanted === 'int4' && width % (2 * INT4_BLOCK) === 0 ? 'int4' : 'int8';
}

/** Bytes a matrix takes in a format, scales included. */
export function matrixBytes(
  format: WeightFormat,
  [out, width]: readonly [out: number, width: number],
): number {
  const numbers = out * width;
  switch (format) {
    case 'float32':
      return numbers * 4;
    case 'bfloat16':
      return numbers * 2;
    case 'int8':
      return numbers + out * 4;
    case 'int4':
      return numbers / 2 + (numbers / INT4_BLOCK) * 4;
    default:
      throw format satisfies never;
  }
}

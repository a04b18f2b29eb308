import { countBytes } from '../stored-dtype.ts';
import type { Encoding, StoredDType, WeightPart } from '../weight-source.ts';

/** One array of an encoded weight. */
export interface PartLayout {
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  /** In bytes. */
  readonly length: number;
}

/**
 * The arrays that a weight of this shape is stored as.
 *
 * @throws RangeError when a weight that is no matrix is to have scales.
 */
export function partsOf(
  shape: readonly number[],
  encoding: Encoding,
): ReadonlyMap<WeightPart, PartLayout> {
  switch (encoding.kind) {
    case 'dense':
      return new Map([['values', part(encoding.dtype, shape)]]);
    case 'channels': {
      const [out, width] = matrixShape(shape);
      return new Map([
        ['values', part('int8', [width, out])],
        ['scales', part('float32', [out])],
      ]);
    }
    case 'blocks': {
      const [out, width] = matrixShape(shape);
      const { bits, blockSize, zeroPoints, scales = 'float32' } = encoding;
      const blocks = Math.ceil(width / blockSize);
      return new Map([
        ['values', part('uint8', [out, blocks, (blockSize * bits) / 8])],
        ['scales', part(scales, [out, blocks])],
        ...(zeroPoints
          ? [['zeroPoints', part('uint8', [out, Math.ceil((blocks * bits) / 8)])] as const]
          : []),
      ]);
    }
    default:
      throw encoding satisfies never;
  }
}

function part(dtype: StoredDType, shape: readonly number[]): PartLayout {
  return { dtype, shape, length: countBytes(dtype, shape) };
}

function matrixShape(shape: readonly number[]): readonly [out: number, width: number] {
  if (shape.length === 2) return shape as readonly [number, number];
  throw new RangeError(`Only a matrix can have scales, but the shape is [${shape}]`);
}

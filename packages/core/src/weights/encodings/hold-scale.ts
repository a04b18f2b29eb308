import { toFloat16 } from './to-float16.ts';

/** Number formats of the scales of blocks. */
export type ScaleFormat = 'float32' | 'float16';

/** 2^−14: below it steps between float16 numbers are 2^−24, however small the numbers. */
const LEAST_NORMAL = 2 ** -14;
const LARGEST = 65504;

/**
 * What is left of a scale when it is stored, 0 only of 0. A float16 below 2^−14 is rounded away from
 * 0, so that it still covers its block: what that costs a number is half of 2^−24 at most, as much as
 * storing the number itself as a float16 might.
 *
 * @throws RangeError when a scale is beyond float16.
 */
export function holdScale(scale: number, format: ScaleFormat): number {
  if (format === 'float32') return Math.fround(scale);
  const held = isCoarse(scale, format) ? wholeSteps(scale) : elevenBits(scale);
  if (Math.abs(held) <= LARGEST) return held;
  throw new RangeError(
    `A block would have the scale ${scale}, but float16 ends at ${LARGEST}. Store its scales as float32`,
  );
}

/** Whether a scale may be far from the number that is stored for it. */
export function isCoarse(scale: number, format: ScaleFormat): boolean {
  return format === 'float16' && Math.abs(scale) < LEAST_NORMAL;
}

function wholeSteps(scale: number): number {
  return (Math.sign(scale) * Math.ceil(Math.abs(scale) * 2 ** 24)) / 2 ** 24;
}

/** The nearest number of 11 bits, which is what float16 has (Dekker's split, 1971, of 53 bits). */
function elevenBits(scale: number): number {
  const upper = scale * (2 ** 42 + 1);
  return upper - (upper - scale);
}

/** @param scales what `holdScale` left of them, which is exact in either format */
export function scaleBytes(scales: Float32Array, format: ScaleFormat): Uint8Array {
  return new Uint8Array((format === 'float16' ? toFloat16(scales) : scales).buffer);
}

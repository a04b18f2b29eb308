import type { BlockEncoding, WeightPart } from '../weight-source.ts';

/**
 * How a block's scale is found.
 *
 * - `nearest`: the scale that just covers the block's largest number
 * - `search`: of several scales around that one, the one with the least squared error
 */
export type Rounding = 'nearest' | 'search';

export type EncodedBlocks = Readonly<Record<Exclude<WeightPart, 'zeroPoints'>, Uint8Array>> & {
  readonly zeroPoints?: Uint8Array;
};

/** One block, and how it is to be rounded. */
interface Block {
  readonly numbers: Float32Array;
  readonly start: number;
  readonly end: number;
  /** Whole numbers go from 0 to this. */
  readonly highest: number;
  /** Squared errors count that much, by column; all alike when absent. */
  readonly importance: Float32Array | undefined;
  readonly column: number;
}

/** A number x becomes clamp(round(x · inverse) + zero), and is read as (q − zero) · scale. */
interface Fit {
  readonly inverse: number;
  readonly scale: number;
  readonly zero: number;
}

export interface EncodeBlocksOptions {
  /** Default: `nearest`. */
  readonly rounding?: Rounding;
  /** How much an error in each column counts, [width]; larger where inputs are larger. */
  readonly importance?: Float32Array;
}

/** Encodes whole rows of a matrix, `numbers` [rows, width]; see `BlockEncoding` for the layout. */
export function encodeBlocks(
  numbers: Float32Array,
  width: number,
  { bits, blockSize, zeroPoints: hasZeroPoints }: Omit<BlockEncoding, 'kind'>,
  { rounding = 'nearest', importance }: EncodeBlocksOptions = {},
): EncodedBlocks {
  const rows = numbers.length / width;
  const blocks = Math.ceil(width / blockSize);
  const blockBytes = (blockSize * bits) / 8;
  const zeroBytes = Math.ceil((blocks * bits) / 8);
  const values = new Uint8Array(rows * blocks * blockBytes);
  const scales = new Float32Array(rows * blocks);
  const zeroPoints = new Uint8Array(hasZeroPoints ? rows * zeroBytes : 0);
  const highest = 2 ** bits - 1;
  const store = bits === 4 ? storeNibbles : storeBytes;
  for (let row = 0; row < rows; row++) {
    for (let index = 0; index < blocks; index++) {
      const column = index * blockSize;
      const start = row * width + column;
      const end = row * width + Math.min(width, column + blockSize);
      const block = { numbers, start, end, highest, importance, column };
      const fit = hasZeroPoints ? fitRange(block) : fitSymmetric(block, rounding);
      const at = row * blocks + index;
      scales[at] = fit.scale;
      store(values, at * blockBytes, blockSize, block, fit);
      if (hasZeroPoints) storeZero(zeroPoints, row * zeroBytes, index, bits, fit.zero);
    }
  }
  const bytes = { values, scales: new Uint8Array(scales.buffer) };
  return hasZeroPoints ? { ...bytes, zeroPoints } : bytes;
}

/** Scales from the block's least and largest number, with a zero point between (spec QUANT §3). */
function fitRange({ numbers, start, end, highest }: Block): Fit {
  let [low, high] = [0, 0]; // zero is always a number that blocks can hold
  for (let at = start; at < end; at++) {
    const number = numbers[at]!;
    if (number < low) low = number;
    if (number > high) high = number;
  }
  const scale = Math.fround((high - low) / highest);
  if (scale === 0) return { inverse: 0, scale: 1, zero: 0 };
  const zero = Math.min(highest, Math.max(0, Math.round(-low / scale)));
  return { inverse: 1 / scale, scale, zero };
}

/**
 * The half below the zero point has one step more than the half above, so the number that is largest
 * in magnitude goes there, whatever its sign: a scale may be negative.
 */
function fitSymmetric(block: Block, rounding: Rounding): Fit {
  const extreme = extremeOf(block);
  const zero = (block.highest + 1) / 2;
  if (extreme === 0) return { inverse: 0, scale: 1, zero };
  if (rounding === 'search') return searchScale(block, extreme, zero);
  const scale = Math.fround(-extreme / zero);
  return scale === 0 ? { inverse: 0, scale: 1, zero } : { inverse: 1 / scale, scale, zero };
}

function extremeOf({ numbers, start, end }: Block): number {
  let extreme = 0;
  for (let at = start; at < end; at++) {
    if (Math.abs(numbers[at]!) > Math.abs(extreme)) extreme = numbers[at]!;
  }
  return extreme;
}

/** How many steps the extreme takes, around 8: fewer cut it off, more leave steps unused. */
const CANDIDATES = [0, -1.4, -1.1, -0.8, -0.6, -0.4, -0.2, 0.2, 0.4, 0.6, 0.8] as const;

/**
 * For the whole numbers q that a candidate gives, the best scale is Σxq / Σq², and leaves an error of
 * Σx² − (Σxq)² / Σq²: the candidate with the largest second term wins.
 */
function searchScale(block: Block, extreme: number, zero: number): Fit {
  let best = { inverse: 0, scale: 1, zero };
  let gain = -1;
  for (const shift of CANDIDATES) {
    const inverse = -(zero + shift) / extreme;
    if (!Number.isFinite(inverse)) continue;
    const { products, squares } = correlate(block, inverse, zero);
    if (squares === 0 || products ** 2 <= gain * squares) continue;
    gain = products ** 2 / squares;
    best = { inverse, scale: Math.fround(products / squares), zero };
  }
  return best;
}

function correlate(
  { numbers, start, end, highest, importance, column }: Block,
  inverse: number,
  zero: number,
): { products: number; squares: number } {
  let products = 0;
  let squares = 0;
  for (let at = start; at < end; at++) {
    const number = numbers[at]!;
    const q = quantise(number, inverse, zero, highest) - zero;
    const weight = importance === undefined ? 1 : importance[column + at - start]!;
    products += weight * number * q;
    squares += weight * q * q;
  }
  return { products, squares };
}

/** Rounds half up; faster than Math.round, and what is below 0 is cut off all the same. */
function quantise(number: number, inverse: number, zero: number, highest: number): number {
  const q = number * inverse + zero + 0.5;
  if (q <= 0) return 0;
  return q >= highest ? highest : q | 0;
}

function storeNibbles(
  values: Uint8Array,
  to: number,
  blockSize: number,
  { numbers, start, end, highest }: Block,
  { inverse, zero }: Fit,
): void {
  for (let i = 0; i < blockSize; i += 2) {
    const at = start + i;
    const low = at < end ? quantise(numbers[at]!, inverse, zero, highest) : zero;
    const high = at + 1 < end ? quantise(numbers[at + 1]!, inverse, zero, highest) : zero;
    values[to + (i >> 1)] = low | (high << 4);
  }
}

function storeBytes(
  values: Uint8Array,
  to: number,
  blockSize: number,
  { numbers, start, end, highest }: Block,
  { inverse, zero }: Fit,
): void {
  for (let i = 0; i < blockSize; i++) {
    const at = start + i;
    values[to + i] = at < end ? quantise(numbers[at]!, inverse, zero, highest) : zero;
  }
}

function storeZero(
  zeroPoints: Uint8Array,
  rowStart: number,
  block: number,
  bits: 4 | 8,
  zero: number,
): void {
  if (bits === 8) zeroPoints[rowStart + block] = zero;
  else zeroPoints[rowStart + (block >> 1)]! |= block % 2 === 0 ? zero : zero << 4;
}

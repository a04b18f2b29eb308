import type { BlockEncoding, WeightPart } from '../weight-source.ts';
import { holdScale, isCoarse, type ScaleFormat, scaleBytes } from './hold-scale.ts';

/**
 * How a block's scale is found.
 *
 * - `nearest`: the scale that just covers the block's largest number
 * - `search`: of several scales around that one, the one with the least error
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
  /** How its scale is stored. */
  readonly scales: ScaleFormat;
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
}

/**
 * Encodes whole rows of a matrix, `numbers` [rows, width]; see `BlockEncoding` for the layout.
 *
 * @throws RangeError when a scale is beyond float16 and is to be stored so.
 */
export function encodeBlocks(
  numbers: Float32Array,
  width: number,
  { bits, blockSize, zeroPoints: hasZeroPoints, scales: narrow }: Omit<BlockEncoding, 'kind'>,
  { rounding = 'nearest' }: EncodeBlocksOptions = {},
): EncodedBlocks {
  const format: ScaleFormat = narrow ?? 'float32';
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
      const block = { numbers, start, end, highest, scales: format };
      const fit = hasZeroPoints ? fitRange(block, rounding) : fitSymmetric(block, rounding);
      const at = row * blocks + index;
      scales[at] = fit.scale;
      store(values, at * blockBytes, blockSize, block, fit);
      if (hasZeroPoints) storeZero(zeroPoints, row * zeroBytes, index, bits, fit.zero);
    }
  }
  const bytes = { values, scales: scaleBytes(scales, format) };
  return hasZeroPoints ? { ...bytes, zeroPoints } : bytes;
}

/** Scales from the block's least and largest number, with a zero point between (spec QUANT §3). */
function fitRange(block: Block, rounding: Rounding): Fit {
  const { numbers, start, end, highest } = block;
  let [low, high] = [0, 0]; // zero is always a number that blocks can hold
  for (let at = start; at < end; at++) {
    const number = numbers[at]!;
    if (number < low) low = number;
    if (number > high) high = number;
  }
  const scale = holdScale((high - low) / highest, block.scales);
  if (scale === 0) return { inverse: 0, scale: 1, zero: 0 };
  if (rounding === 'search') return bestFit(block, rangeCandidates(low, high, highest));
  const zero = Math.min(highest, Math.max(0, Math.round(-low / scale)));
  return { inverse: 1 / scale, scale, zero };
}

/** Of a block's range: what is beyond is cut off. */
const SHARES = [1, 0.95, 0.9, 0.85, 0.8, 0.75] as const;

function rangeCandidates(low: number, high: number, highest: number): Candidate[] {
  return SHARES.map((share) => {
    const inverse = highest / ((high - low) * share);
    const zero = Math.min(highest, Math.max(0, Math.round(-low * share * inverse)));
    return { inverse, zero };
  });
}

/**
 * The half below the zero point has one step more than the half above, so the number that is largest
 * in magnitude goes there, whatever its sign: a scale may be negative.
 */
function fitSymmetric(block: Block, rounding: Rounding): Fit {
  const extreme = extremeOf(block);
  const zero = (block.highest + 1) / 2;
  if (extreme === 0) return { inverse: 0, scale: 1, zero };
  if (rounding === 'search') return bestFit(block, symmetricCandidates(extreme, zero));
  const scale = holdScale(-extreme / zero, block.scales);
  return scale === 0 ? { inverse: 0, scale: 1, zero } : { inverse: 1 / scale, scale, zero };
}

function extremeOf({ numbers, start, end }: Block): number {
  let extreme = 0;
  for (let at = start; at < end; at++) {
    if (Math.abs(numbers[at]!) > Math.abs(extreme)) extreme = numbers[at]!;
  }
  return extreme;
}

/** How many steps the extreme takes, around 8: fewer leave steps unused, more cut it off. */
const SHIFTS = [0, -1.4, -1.1, -0.8, -0.6, -0.4, -0.2, 0.2, 0.4, 0.6, 0.8] as const;

function symmetricCandidates(extreme: number, zero: number): Candidate[] {
  return SHIFTS.map((shift) => ({ inverse: -(zero + shift) / extreme, zero }));
}

type Candidate = Pick<Fit, 'inverse' | 'zero'>;

/**
 * Errors are squared and weighted by the number's magnitude w = |x|, since what is large matters most:
 * with all alike a model's words came out further from float32 (docs/decisions/051). For the whole
 * numbers q that a candidate gives, the best scale is Σwxq / Σwq², and leaves an error of
 * Σwx² − (Σwxq)² / Σwq²: the candidate with the largest second term wins. Whole numbers are
 * chosen anew only for a scale that is far from what it was: elsewhere that left models further from
 * float32 (docs/decisions/084).
 */
function bestFit(block: Block, candidates: readonly Candidate[]): Fit {
  let best: Fit = { inverse: 0, scale: 1, zero: candidates[0]!.zero };
  let gain = -1;
  for (const { inverse, zero } of candidates) {
    if (!Number.isFinite(inverse)) continue;
    const { products, squares } = correlate(block, inverse, zero);
    if (squares === 0 || products ** 2 <= gain * squares) continue;
    gain = products ** 2 / squares;
    const scale = holdScale(products / squares, block.scales);
    best = { inverse: isCoarse(scale, block.scales) ? 1 / scale : inverse, scale, zero };
  }
  return best;
}

function correlate(
  { numbers, start, end, highest }: Block,
  inverse: number,
  zero: number,
): { products: number; squares: number } {
  let products = 0;
  let squares = 0;
  for (let at = start; at < end; at++) {
    const number = numbers[at]!;
    const q = quantise(number, inverse, zero, highest) - zero;
    const weighted = Math.abs(number) * q;
    products += weighted * number;
    squares += weighted * q;
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

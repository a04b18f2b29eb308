import type { Taps } from './taps.ts';

/** Taps as assembly/resize.ts reads them: in pairs, every weight split into `high · 2^12 + low`. */
export interface PackedTaps {
  /** Two int32 an output: where its first tap is (in units of the caller), how many pairs it has. */
  readonly spans: Int32Array;
  /** Two int32 a pair: both high halves, both low halves; `pairs` pairs an output. */
  readonly weights: Int32Array;
  readonly pairs: number;
}

const lowBits = 12;

/** @param unit what one source position is in `spans`: 3 bytes along a row, 1 row along a column. */
export function packTaps(taps: Taps, unit: number): PackedTaps {
  const outputs = taps.starts.length;
  const pairs = Math.ceil(taps.width / 2);
  const spans = new Int32Array(outputs * 2);
  const weights = new Int32Array(outputs * pairs * 2);
  for (let output = 0; output < outputs; output++) {
    const count = Math.ceil(taps.counts[output]! / 2);
    spans[output * 2] = taps.starts[output]! * unit;
    spans[output * 2 + 1] = count;
    for (let pair = 0; pair < count; pair++) {
      const first = weightOf(taps, output, pair * 2);
      const second = weightOf(taps, output, pair * 2 + 1);
      const at = (output * pairs + pair) * 2;
      weights[at] = twoHalves(first >> lowBits, second >> lowBits);
      weights[at + 1] = twoHalves(lowHalf(first), lowHalf(second));
    }
  }
  return { spans, weights, pairs };
}

/** Zero beyond the last tap, so that an odd one is paired with nothing. */
function weightOf(taps: Taps, output: number, tap: number): number {
  return tap < taps.counts[output]! ? taps.weights[output * taps.width + tap]! : 0;
}

function lowHalf(weight: number): number {
  return weight & ((1 << lowBits) - 1);
}

function twoHalves(first: number, second: number): number {
  return (second << 16) | (first & 0xffff);
}

/**
 * The two passes of the resampler in 128-bit SIMD (AssemblyScript, compiled by scripts/build-wasm.ts).
 *
 * A weight has 23 bits and a sign, too wide for the 16-bit multiply-and-add that makes this fast.
 * It comes split in two, `weight = high · 2^12 + low`, and the halves are summed apart: integers, so
 * the sum is exactly the one of src/resize/typescript.ts.
 *
 * Taps are laid out by src/resize/packed-taps.ts: `spans` holds two int32 an output (offset of the
 * first tap, number of tap pairs), `weights` two int32 a pair (both high halves, both low halves),
 * with room for `pairs` pairs an output. Reads may pass the end of a row by 15 bytes and writes by
 * one: the caller leaves slack.
 */

/** Half of the fixed-point unit, so that the final shift rounds. */
const HALF: i32 = 1 << 21;
const PRECISION: i32 = 22;
const LOW_BITS: i32 = 12;

/** Two RGB pixels as 16-bit lanes r r g g b b 0 0, the order in which pairs are multiplied. */
function pixelPair(address: usize): v128 {
  return i8x16.shuffle(
    v128.load_zero<u64>(address),
    i64x2.splat(0),
    0,
    16,
    3,
    16,
    1,
    16,
    4,
    16,
    2,
    16,
    5,
    16,
    16,
    16,
    16,
    16,
  );
}

function rounded(high: v128, low: v128): v128 {
  return i32x4.shr_s(i32x4.add(i32x4.shl(high, LOW_BITS), low), PRECISION);
}

function bytesOf(a: v128, b: v128, c: v128, d: v128): v128 {
  return i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
}

/** Widens or narrows RGB rows, four at a time so that a weight is read once for four pixels. */
export function horizontalPass(
  source: usize,
  sourceStride: usize,
  target: usize,
  targetStride: usize,
  rows: i32,
  columns: i32,
  spans: usize,
  weights: usize,
  pairs: i32,
): void {
  for (let row = 0; row < rows; row += 4) {
    const row0 = source + usize(row) * sourceStride;
    const row1 = row0 + sourceStride;
    const row2 = row1 + sourceStride;
    const row3 = row2 + sourceStride;
    let out = target + usize(row) * targetStride;
    for (let column = 0; column < columns; column++) {
      const span = spans + usize(column) * 8;
      let offset = usize(load<i32>(span));
      let weight = weights + usize(column * pairs) * 8;
      const end = weight + usize(load<i32>(span, 4)) * 8;
      let high0 = i32x4.splat(0),
        high1 = high0,
        high2 = high0,
        high3 = high0;
      let low0 = i32x4.splat(HALF),
        low1 = low0,
        low2 = low0,
        low3 = low0;
      while (weight < end) {
        const high = v128.load_splat<u32>(weight);
        const low = v128.load_splat<u32>(weight, 4);
        const a = pixelPair(row0 + offset);
        const b = pixelPair(row1 + offset);
        const c = pixelPair(row2 + offset);
        const d = pixelPair(row3 + offset);
        high0 = i32x4.add(high0, i32x4.dot_i16x8_s(a, high));
        low0 = i32x4.add(low0, i32x4.dot_i16x8_s(a, low));
        high1 = i32x4.add(high1, i32x4.dot_i16x8_s(b, high));
        low1 = i32x4.add(low1, i32x4.dot_i16x8_s(b, low));
        high2 = i32x4.add(high2, i32x4.dot_i16x8_s(c, high));
        low2 = i32x4.add(low2, i32x4.dot_i16x8_s(c, low));
        high3 = i32x4.add(high3, i32x4.dot_i16x8_s(d, high));
        low3 = i32x4.add(low3, i32x4.dot_i16x8_s(d, low));
        weight += 8;
        offset += 6;
      }
      const pixels = bytesOf(
        rounded(high0, low0),
        rounded(high1, low1),
        rounded(high2, low2),
        rounded(high3, low3),
      );
      v128.store_lane<u32>(out, pixels, 0);
      v128.store_lane<u32>(out + targetStride, pixels, 1);
      v128.store_lane<u32>(out + targetStride * 2, pixels, 2);
      v128.store_lane<u32>(out + targetStride * 3, pixels, 3);
      out += 3;
    }
  }
}

/** Raises or lowers rows of bytes; `stride` is a multiple of 16 and holds both source and target rows. */
export function verticalPass(
  source: usize,
  target: usize,
  stride: usize,
  rows: i32,
  spans: usize,
  weights: usize,
  pairs: i32,
): void {
  for (let row = 0; row < rows; row++) {
    const span = spans + usize(row) * 8;
    const first = source + usize(load<i32>(span)) * stride;
    const start = weights + usize(row * pairs) * 8;
    const end = start + usize(load<i32>(span, 4)) * 8;
    const out = target + usize(row) * stride;
    for (let x: usize = 0; x < stride; x += 16) {
      let high0 = i32x4.splat(0),
        high1 = high0,
        high2 = high0,
        high3 = high0;
      let low0 = i32x4.splat(HALF),
        low1 = low0,
        low2 = low0,
        low3 = low0;
      let address = first + x;
      for (let weight = start; weight < end; weight += 8) {
        const high = v128.load_splat<u32>(weight);
        const low = v128.load_splat<u32>(weight, 4);
        const upper = v128.load(address);
        const lower = v128.load(address + stride);
        const left = i8x16.shuffle(
          upper,
          lower,
          0,
          16,
          1,
          17,
          2,
          18,
          3,
          19,
          4,
          20,
          5,
          21,
          6,
          22,
          7,
          23,
        );
        const right = i8x16.shuffle(
          upper,
          lower,
          8,
          24,
          9,
          25,
          10,
          26,
          11,
          27,
          12,
          28,
          13,
          29,
          14,
          30,
          15,
          31,
        );
        const a = i16x8.extend_low_i8x16_u(left);
        const b = i16x8.extend_high_i8x16_u(left);
        const c = i16x8.extend_low_i8x16_u(right);
        const d = i16x8.extend_high_i8x16_u(right);
        high0 = i32x4.add(high0, i32x4.dot_i16x8_s(a, high));
        low0 = i32x4.add(low0, i32x4.dot_i16x8_s(a, low));
        high1 = i32x4.add(high1, i32x4.dot_i16x8_s(b, high));
        low1 = i32x4.add(low1, i32x4.dot_i16x8_s(b, low));
        high2 = i32x4.add(high2, i32x4.dot_i16x8_s(c, high));
        low2 = i32x4.add(low2, i32x4.dot_i16x8_s(c, low));
        high3 = i32x4.add(high3, i32x4.dot_i16x8_s(d, high));
        low3 = i32x4.add(low3, i32x4.dot_i16x8_s(d, low));
        address += stride * 2;
      }
      v128.store(
        out + x,
        bytesOf(
          rounded(high0, low0),
          rounded(high1, low1),
          rounded(high2, low2),
          rounded(high3, low3),
        ),
      );
    }
  }
}

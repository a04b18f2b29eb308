import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomFloats } from '../../testing/noise.ts';
import { toFloat32 } from '../to-float32.ts';
import type { Encoding } from '../weight-source.ts';
import { decodeWeight } from './decode.ts';
import { encodeWeight } from './encode.ts';
import { partsOf } from './parts.ts';

const encodings = fc.record({
  kind: fc.constant('blocks' as const),
  bits: fc.constantFrom(4 as const, 8 as const),
  blockSize: fc.constantFrom(16, 32, 64, 128),
  zeroPoints: fc.boolean(),
});
const narrow = encodings.map((encoding) => ({ ...encoding, scales: 'float16' as const }));
/** The least number that float16 knows. */
const LEAST = 2 ** -24;
/** Below it the steps of float16 are as coarse as that. */
const COARSE = 2 ** -14;
const numbers = fc.float({ min: Math.fround(-1e6), max: Math.fround(1e6), noNaN: true });
const matrices = fc
  .record({ rows: fc.integer({ min: 1, max: 4 }), width: fc.integer({ min: 1, max: 200 }) })
  .chain(({ rows, width }) =>
    fc.record({
      rows: fc.constant(rows),
      width: fc.constant(width),
      data: fc.array(numbers, { minLength: rows * width, maxLength: rows * width }),
    }),
  );

describe('blocks', () => {
  test('hold each number to one step of its block at most, in the bytes that partsOf says', () => {
    fc.assert(
      fc.property(fc.oneof(encodings, narrow), matrices, (encoding, { rows, width, data }) => {
        const isNarrow = 'scales' in encoding;
        const plain = Float32Array.from(data, (number) => (isNarrow ? number / 100 : number));
        const encoded = encodeWeight(plain, width, encoding);
        for (const [part, { length }] of partsOf([rows, width], encoding)) {
          expect(encoded[part]).toHaveLength(length);
        }
        const decoded = decodeWeight([rows, width], encoding, encoded);
        const { blockSize, bits } = encoding;
        for (const [at, number] of plain.entries()) {
          const start = at - ((at % width) % blockSize);
          const end = Math.min(start + blockSize, start - (start % width) + width);
          const block = plain.subarray(start, end);
          const [low, high] = [Math.min(0, ...block), Math.max(0, ...block)];
          const range = encoding.zeroPoints ? high - low : 2 * Math.max(high, -low);
          const step = range / (encoding.zeroPoints ? 2 ** bits - 1 : 2 ** bits);
          const slack = isNarrow ? LEAST : 1e-37;
          expect(Math.abs(decoded[at]! - number)).toBeLessThanOrEqual(step * 1.001 + slack);
        }
      }),
    );
  });

  test('searching a scale never leaves a larger error, weighted by size, than taking the nearest', () => {
    fc.assert(
      fc.property(encodings, matrices, (encoding, { rows, width, data }) => {
        const plain = Float32Array.from(data);
        const error = (rounding: 'nearest' | 'search') => {
          const encoded = encodeWeight(plain, width, encoding, { rounding });
          const decoded = decodeWeight([rows, width], encoding, encoded);
          return plain.reduce((sum, number, at) => {
            return sum + Math.abs(number) * (decoded[at]! - number) ** 2;
          }, 0);
        };
        // A scale is a float32: rounding it alone moves each number by a share of 2^-24, or by 2^-149.
        const least = 2 ** -126;
        const cubes = plain.reduce(
          (sum, number) => sum + Math.max(Math.abs(number), least) ** 3,
          0,
        );
        const ofScales = cubes * 2 ** -46;
        expect(error('search')).toBeLessThanOrEqual(error('nearest') * (1 + 1e-5) + ofScales);
      }),
    );
  });

  test.each([1, 1e-3, 1e-6, 1e-8])(
    'are as near with scales in float16 as in float32: numbers up to %f',
    (size) => {
      fc.assert(
        fc.property(narrow, fc.string(), fc.boolean(), (encoding, seed, isSearched) => {
          const rounding = isSearched ? 'search' : 'nearest';
          const plain = randomFloats(seed, [8, 256], size).data as Float32Array;
          const errorOf = (given: Encoding) => {
            const encoded = encodeWeight(plain, 256, given, { rounding });
            const decoded = decodeWeight([8, 256], given, encoded);
            return (
              Math.hypot(...plain.map((number, at) => decoded[at]! - number)) / plain.length ** 0.5
            );
          };
          const { scales: _, ...wide } = encoding;
          // Searching finds less among fewer scales, and half of the least one is what they cost at most.
          expect(errorOf(encoding)).toBeLessThanOrEqual(errorOf(wide) * 1.25 + LEAST / 2);
        }),
      );
    },
  );

  const sizes = fc.constantFrom(1e-2, 1e-8, 1e-11);

  test('searched for scales in float16 hold the whole numbers of float32, but where steps are coarse', () => {
    fc.assert(
      fc.property(narrow, matrices, sizes, (encoding, { width, data }, size) => {
        const plain = Float32Array.from(data, (number) => number * size);
        const { scales: _, ...wide } = encoding;
        const encode = (given: Encoding) =>
          encodeWeight(plain, width, given, { rounding: 'search' });
        const [found, wanted] = [encode(encoding), encode(wide)];
        const bytes = (encoding.blockSize * encoding.bits) / 8;
        const wholeOf = ({ values }: typeof found, block: number) =>
          values!.subarray(block * bytes, (block + 1) * bytes);
        for (const [block, scale] of toFloat32(found.scales!, 'float16').entries()) {
          if (Math.abs(scale) < COARSE) continue;
          expect(wholeOf(found, block)).toEqual(wholeOf(wanted, block));
        }
      }),
    );
  });

  test('searched for scales in float16 hold the nearest whole numbers where steps are coarse', () => {
    fc.assert(
      fc.property(narrow, matrices, sizes, (anyNarrow, { rows, width, data }, size) => {
        const encoding = { ...anyNarrow, zeroPoints: false };
        const plain = Float32Array.from(data, (number) => number * size);
        const encoded = encodeWeight(plain, width, encoding, { rounding: 'search' });
        const decoded = decodeWeight([rows, width], encoding, encoded);
        const scales = toFloat32(encoded.scales!, 'float16');
        const blocks = Math.ceil(width / encoding.blockSize);
        for (const [at, number] of plain.entries()) {
          const block = Math.floor((at % width) / encoding.blockSize);
          const scale = Math.abs(scales[Math.floor(at / width) * blocks + block]!);
          if (scale >= COARSE) continue;
          if (Math.abs(decoded[at]!) > scale * (2 ** (encoding.bits - 1) - 1.5)) continue; // cut off
          expect(Math.abs(decoded[at]! - number)).toBeLessThanOrEqual(scale * 0.5001);
        }
      }),
    );
  });

  test('have float16 scales that are the nearest, but away from 0 where steps are coarse', () => {
    const scaleOf = (scale: number) => {
      const plain = new Float32Array(16).fill(-8 * scale);
      const encoding = { kind: 'blocks', bits: 4, blockSize: 16, zeroPoints: false } as const;
      const { scales } = encodeWeight(plain, 16, { ...encoding, scales: 'float16' });
      return toFloat32(scales!, 'float16')[0];
    };
    expect(scaleOf(1 + 2 ** -12)).toBe(1);
    expect(scaleOf(1 + 3 * 2 ** -12)).toBe(1 + 2 ** -10);
    expect(scaleOf(65504)).toBe(65504);
    expect(scaleOf(2 ** -14 + 2 ** -26)).toBe(2 ** -14);
    expect(scaleOf(LEAST * 1.25)).toBe(2 * LEAST);
    expect(scaleOf(-LEAST / 1000)).toBe(-LEAST);
    expect(scaleOf(0)).toBe(1);
    expect(() => scaleOf(65520)).toThrow(
      'A block would have the scale 65520, but float16 ends at 65504. Store its scales as float32',
    );
  });

  test('what was decoded is encoded to the same bytes when a block holds its extreme', () => {
    const encoding = { kind: 'blocks', bits: 4, blockSize: 16, zeroPoints: false } as const;
    const values = Uint8Array.of(0x80, 0x91, 0xa2, 0xb3, 0xc4, 0xd5, 0xe6, 0xf7);
    const scales = new Uint8Array(Float32Array.of(0.25).buffer);
    const decoded = decodeWeight([1, 16], encoding, { values, scales });
    expect(decoded[0]).toBe(-2); // the lower half of the first byte is 0, eight steps below zero
    expect(decoded[1]).toBe(0);
    expect(encodeWeight(decoded, 16, encoding)).toEqual({ values, scales });
  });
});

test('channels stand transposed, with one scale an output', () => {
  const plain = Float32Array.of(1, 2, 3, -10, 0, 5); // [2, 3]
  const encoded = encodeWeight(plain, 3, { kind: 'channels' });
  expect([...new Int8Array(encoded.values!.buffer)]).toEqual([42, -127, 85, 0, 127, 64]);
  const decoded = decodeWeight([2, 3], { kind: 'channels' }, encoded);
  for (const [at, number] of plain.entries()) {
    expect(Math.abs(decoded[at]! - number)).toBeLessThanOrEqual(at < 3 ? 3 / 254 : 10 / 254);
  }
});

describe('float16', () => {
  const half = (number: number) => {
    const { values } = encodeWeight(Float32Array.of(number), 1, {
      kind: 'dense',
      dtype: 'float16',
    });
    return new Uint16Array(values!.buffer)[0];
  };
  // IEEE 754 binary16, by hand.
  test.each([
    [1, 0x3c00],
    [-2, 0xc000],
    [65504, 0x7bff],
    [65519.99, 0x7bff],
    [65520, 0x7c00],
    [Number.NEGATIVE_INFINITY, 0xfc00],
    [Number.NaN, 0x7e00],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000], // half a step: to even
    [3 * 2 ** -25, 0x0002],
    [2 ** -14, 0x0400],
    [2 ** -14 - 2 ** -25, 0x0400],
    [1 + 2 ** -11, 0x3c00], // half a step: to even
    [1 + 3 * 2 ** -11, 0x3c02],
    [-0, 0x8000],
  ])('%d', (number, bits) => expect(half(number)).toBe(bits));
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeWeight } from './decode.ts';
import { encodeWeight } from './encode.ts';
import { partsOf } from './parts.ts';

const encodings = fc.record({
  kind: fc.constant('blocks' as const),
  bits: fc.constantFrom(4 as const, 8 as const),
  blockSize: fc.constantFrom(16, 32, 64, 128),
  zeroPoints: fc.boolean(),
});
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
      fc.property(encodings, matrices, (encoding, { rows, width, data }) => {
        const plain = Float32Array.from(data);
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
          expect(Math.abs(decoded[at]! - number)).toBeLessThanOrEqual(step * 1.0001 + 1e-37);
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

import { expect, test } from 'vitest';
import { toFloat32 } from './to-float32.ts';

const bytesOf = (array: ArrayBufferView) =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

test('every float16 becomes the number IEEE 754 says it is', () => {
  const halves = Uint16Array.from({ length: 65_536 }, (_, bits) => bits);
  const numbers = toFloat32(bytesOf(halves), 'float16');
  const wrong = [...halves].filter((bits) => !Object.is(numbers[bits], halfByDefinition(bits)));
  expect(wrong).toEqual([]);
});

test('every bfloat16 is the float32 whose upper half it is', () => {
  const halves = Uint16Array.from({ length: 65_536 }, (_, bits) => bits);
  const numbers = toFloat32(bytesOf(halves), 'bfloat16');
  const bits = new Uint32Array(numbers.buffer);
  expect([...halves].filter((half) => bits[half] !== half * 65_536)).toEqual([]);
});

test('integers become the nearest float32', () => {
  expect(toFloat32(bytesOf(BigInt64Array.of(-1n, 2n ** 40n)), 'int64')).toEqual(
    Float32Array.of(-1, 2 ** 40),
  );
  expect(toFloat32(bytesOf(Int32Array.of(-(2 ** 31), 5)), 'int32')).toEqual(
    Float32Array.of(-(2 ** 31), 5),
  );
  expect(toFloat32(Uint8Array.of(0, 255), 'uint8')).toEqual(Float32Array.of(0, 255));
  expect(toFloat32(Uint8Array.of(127, 128), 'int8')).toEqual(Float32Array.of(127, -128));
});

test('aligned float32 bytes are not copied, others are', () => {
  const numbers = Float32Array.of(1, 2);
  expect(toFloat32(bytesOf(numbers), 'float32').buffer).toBe(numbers.buffer);
  const shifted = new Uint8Array(9);
  shifted.set(bytesOf(numbers), 1);
  expect(toFloat32(shifted.subarray(1), 'float32')).toEqual(numbers);
});

test('bytes that end within a number are refused', () => {
  expect(() => toFloat32(new Uint8Array(3), 'bfloat16')).toThrow(
    '3 bytes are no whole number of bfloat16s',
  );
});

function halfByDefinition(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent
    ? sign * 2 ** (exponent - 15) * (1 + fraction / 1024)
    : (sign * fraction) / 2 ** 24;
}

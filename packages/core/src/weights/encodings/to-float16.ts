/** Bits of float32 numbers that mark where float16 changes its ways. */
const INFINITE = 0x7f800000;
/** 2^−14: below it a float16 is subnormal. */
const LEAST_NORMAL = 0x38800000;
/** 65520, the first number that rounds beyond the largest float16. */
const OVERFLOW = 0x477ff000;

/** Rounds to the nearest, ties to even; what is too large becomes infinite. */
export function toFloat16(numbers: Float32Array): Uint16Array {
  const bits = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length);
  const halves = new Uint16Array(numbers.length);
  for (let at = 0; at < bits.length; at++) {
    const word = bits[at]!;
    const magnitude = word & 0x7fffffff;
    halves[at] = ((word >>> 16) & 0x8000) | halfOf(magnitude, numbers[at]!);
  }
  return halves;
}

function halfOf(magnitude: number, number: number): number {
  if (magnitude >= OVERFLOW) return magnitude > INFINITE ? 0x7e00 : 0x7c00;
  // Steps of subnormal numbers are 2^−24.
  if (magnitude < LEAST_NORMAL) return roundToEven(Math.abs(number) * 2 ** 24);
  return (magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13;
}

function roundToEven(number: number): number {
  const floor = Math.floor(number);
  const rest = number - floor;
  if (rest !== 0.5) return Math.round(number);
  return floor % 2 === 0 ? floor : floor + 1;
}

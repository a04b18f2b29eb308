/** Upper halves of float32 numbers, rounded to the nearest, ties to even, as PyTorch does. */
export function toBfloat16(numbers: Float32Array): Uint16Array {
  const bits = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length);
  const halves = new Uint16Array(bits.length);
  for (let at = 0; at < bits.length; at++) {
    const word = bits[at]!;
    const isNoNumber = (word & 0x7fffffff) > 0x7f800000;
    halves[at] = isNoNumber ? 0x7fc0 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return halves;
}

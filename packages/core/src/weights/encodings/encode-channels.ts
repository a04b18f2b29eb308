/** A matrix in int8 with a scale for each row, transposed; see `ChannelEncoding`. */
export function encodeChannels(
  numbers: Float32Array,
  width: number,
): { readonly values: Uint8Array; readonly scales: Uint8Array } {
  const out = numbers.length / width;
  const values = new Int8Array(numbers.length);
  const scales = new Float32Array(out);
  for (let row = 0; row < out; row++) {
    const start = row * width;
    const scale = Math.fround(largest(numbers, start, start + width) / 127) || 1;
    scales[row] = scale;
    for (let column = 0; column < width; column++) {
      const rounded = Math.round(numbers[start + column]! / scale);
      values[column * out + row] = Math.min(127, Math.max(-127, rounded));
    }
  }
  return { values: new Uint8Array(values.buffer), scales: new Uint8Array(scales.buffer) };
}

function largest(numbers: Float32Array, start: number, end: number): number {
  let peak = 0;
  for (let at = start; at < end; at++) peak = Math.max(peak, Math.abs(numbers[at]!));
  return peak;
}

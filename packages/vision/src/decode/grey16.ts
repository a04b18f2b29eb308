/** Grey repeated as red, green and blue, levels above 255 clipped as Pillow does with its mode I;16. */
export function rgbOfGrey16(levels: Uint16Array): Uint8Array {
  const rgb = new Uint8ClampedArray(levels.length * 3);
  for (let at = 0, out = 0; at < levels.length; at++) {
    const level = levels[at]!;
    rgb[out++] = level;
    rgb[out++] = level;
    rgb[out++] = level;
  }
  return new Uint8Array(rgb.buffer);
}

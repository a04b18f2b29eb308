/** 256 colours, three bytes each. */
export type Palette = Uint8Array;

/** The colours a file lists, black for those it leaves out; without a list, a ramp of grey. */
export function paletteOf(listed: Uint8Array | undefined): Palette {
  if (!listed) return Uint8Array.from({ length: 256 * 3 }, (_, i) => Math.floor(i / 3));
  const palette = new Uint8Array(256 * 3);
  palette.set(listed.subarray(0, palette.length));
  return palette;
}

/** RGB of indices into a palette. */
export function expandPalette(indices: Uint8Array, palette: Palette): Uint8Array {
  const rgb = new Uint8Array(indices.length * 3);
  for (let i = 0; i < indices.length; i++) {
    const color = indices[i]! * 3;
    rgb[i * 3] = palette[color]!;
    rgb[i * 3 + 1] = palette[color + 1]!;
    rgb[i * 3 + 2] = palette[color + 2]!;
  }
  return rgb;
}

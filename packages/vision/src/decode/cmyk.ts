/** Pillow's conversion without profiles: what black leaves, less the ink's share of it. */
export function rgbOfCmyk(cmyk: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((cmyk.length / 4) * 3);
  for (let from = 0, to = 0; from < cmyk.length; from += 4, to += 3) {
    const left = 255 - cmyk[from + 3]!;
    for (let ink = 0; ink < 3; ink++) rgb[to + ink] = left - shareOf(cmyk[from + ink]!, left);
  }
  return rgb;
}

/** `a · b / 255`, rounded in integers. */
function shareOf(a: number, b: number): number {
  const product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

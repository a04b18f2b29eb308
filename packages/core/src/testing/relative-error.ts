/** The largest difference over the largest expected magnitude; NaN anywhere is infinitely wrong. */
export function relativeError(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [difference, magnitude] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    const here = Math.abs(found[i]! - expected[i]!);
    if (!(here <= difference)) difference = Number.isNaN(here) ? Infinity : here;
    magnitude = Math.max(magnitude, Math.abs(expected[i]!));
  }
  return difference === 0 ? 0 : difference / Math.max(magnitude, Number.MIN_VALUE);
}

/** The largest whole number from 1 to `most` that fits, when all smaller ones do; 0 when none does. */
export function largestThatFits(most: number, fits: (value: number) => boolean): number {
  let [fitting, failing] = [0, most + 1];
  while (failing - fitting > 1) {
    const middle = Math.floor((fitting + failing) / 2);
    if (fits(middle)) fitting = middle;
    else failing = middle;
  }
  return fitting;
}

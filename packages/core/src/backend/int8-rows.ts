/** Rows of numbers as whole ones up to ±127, each row with what a step of it is worth. */

export const LARGEST_STEP = 127;

/** Below this a row is zeros: dividing by its steps would overflow. */
const SMALLEST = 1e-30;

/**
 * Rounds `width` numbers from `from` on into `steps` at `at`, where `zero` stands for 0. Returns what a
 * step is worth.
 */
export function roundRow(
  numbers: Float32Array,
  from: number,
  width: number,
  steps: Int8Array | Uint8Array,
  at: number,
  zero = 0,
): number {
  let largest = 0;
  for (let i = from; i < from + width; i++) largest = Math.max(largest, Math.abs(numbers[i]!));
  if (largest < SMALLEST || !Number.isFinite(largest)) {
    steps.fill(zero, at, at + width);
    return largest < SMALLEST ? 0 : Number.NaN; // what is no number shows in whatever sees the row
  }
  const perNumber = LARGEST_STEP / largest;
  for (let i = 0; i < width; i++) steps[at + i] = Math.round(numbers[from + i]! * perNumber) + zero;
  return largest / LARGEST_STEP;
}

/** Frames left of a list by the thinning of `chat()`: it never keeps the last (spec PREPROCESS §6.1). */
export function thinForChat(frames: readonly number[], most: number): number[] {
  if (frames.length <= most) return [...frames];
  const step = frames.length / (most + 1);
  return Array.from({ length: most }, (_, i) => frames[Math.trunc(i * step)]!);
}

/** Keeps the first and the last, and what lies evenly between (OmniLive's benchmarks). */
export function thinToEnds(frames: readonly number[], most: number): number[] {
  if (frames.length <= most) return [...frames];
  if (most === 1) return [frames[0]!];
  const last = frames.length - 1;
  return Array.from({ length: most }, (_, i) => frames[Math.trunc((i * last) / (most - 1))]!);
}

/** Keeps the first of every equal share (VLMEvalKit). */
export function thinToShares(frames: readonly number[], most: number): number[] {
  if (frames.length <= most) return [...frames];
  return Array.from({ length: most }, (_, i) => frames[Math.trunc((i * frames.length) / most)]!);
}

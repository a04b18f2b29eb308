import type { HostTensor } from '../backend/backend.ts';
import { count, floats } from '../reference/host.ts';

/** A stream of numbers between −1 and 1, the same on every machine for the same seed (mulberry32). */
export function noise(seed: string): () => number {
  let state = [...seed].reduce((hash, char) => (Math.imul(hash, 31) + char.charCodeAt(0)) | 0, 7);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}

export function randomFloats(seed: string, shape: readonly number[], size = 1): HostTensor {
  const next = noise(seed);
  return floats(
    shape,
    Float32Array.from({ length: count(shape) }, () => next() * size),
  );
}

export function int32(shape: readonly number[], ...data: number[]): HostTensor {
  return { dtype: 'int32', shape, data: Int32Array.from(data) };
}

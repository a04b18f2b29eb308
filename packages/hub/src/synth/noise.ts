/** Random bytes and numbers, as fast as a disk takes them; the same for the same seed. */
import { type Encoding, encodeWeight, type WeightPart } from '@lingbi/core';

/** 32 bits of state (Marsaglia, Xorshift RNGs, 2003); it must not be 0. */
export function xorshift(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state;
  };
}

function randomBytes(length: number, next: () => number): Uint8Array {
  const words = new Int32Array(Math.ceil(length / 4));
  for (let at = 0; at < words.length; at++) words[at] = next();
  return new Uint8Array(words.buffer, 0, length);
}

/** As InternLM2 is initialised (spec MODEL §1.1). */
const DEVIATION = 0.02;
const TABLE_SIZE = 2 ** 16;

/** Normally distributed numbers, drawn from a table of 65,536 of them. */
export function normalTable(): Float32Array {
  const next = xorshift(0x1a2b3c4d);
  const uniform = () => ((next() >>> 0) + 0.5) / 2 ** 32;
  return Float32Array.from(
    { length: TABLE_SIZE },
    () => DEVIATION * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}

function randomNumbers(length: number, next: () => number, table: Float32Array): Float32Array {
  const numbers = new Float32Array(length);
  for (let at = 0; at < length; at++) numbers[at] = table[next() & (TABLE_SIZE - 1)]!;
  return numbers;
}

/** A scale under which uniformly random whole numbers have the deviation of a fresh model. */
function scaleFor(encoding: Encoding): number {
  const levels = encoding.kind === 'blocks' ? 2 ** encoding.bits : 256;
  return (DEVIATION * Math.sqrt(12)) / levels;
}

function equalScales(encoding: Encoding, length: number): Uint8Array {
  const dtype = encoding.kind === 'blocks' ? (encoding.scales ?? 'float32') : 'float32';
  const scales = new Float32Array(length / (dtype === 'float16' ? 2 : 4)).fill(scaleFor(encoding));
  return encodeWeight(scales, 1, { kind: 'dense', dtype }).values!;
}

/** Bytes of one part of a weight: `numbers` is how many the part has. */
export function randomPart(
  encoding: Encoding,
  part: WeightPart,
  length: number,
  next: () => number,
  table: Float32Array,
): Uint8Array {
  if (part === 'scales') return equalScales(encoding, length);
  if (encoding.kind !== 'dense') return randomBytes(length, next);
  const width = encoding.dtype === 'float32' ? 4 : 2;
  return encodeWeight(randomNumbers(length / width, next, table), 1, encoding).values!;
}

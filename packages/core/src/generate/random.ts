/**
 * Seeded random numbers whose stream is part of the public contract: the same seed gives the same
 * numbers on every platform and in every version of lingbi. It is xoshiro128** 1.1 (Blackman and
 * Vigna 2018), its 128 bits of state filled by two steps of SplitMix64 (Steele et al. 2014).
 * Seeds mean nothing to other programs, and those of other programs nothing to us.
 */
export interface RandomStream {
  /** The next 32 bits. */
  bits(): number;
  /** The next number of [0, 1), with 53 bits: the upper 27 of one draw, then the upper 26 of another. */
  uniform(): number;
}

/** `seed` is a whole number from 0 to 2^53 − 1. */
export function createRandom(seed: number): RandomStream {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`A seed is a whole number from 0 to 2^53 − 1, but this one is ${seed}`);
  }
  const state = stateOf(BigInt(seed));
  const bits = () => nextBits(state);
  const uniform = () => ((bits() >>> 5) * 2 ** 26 + (bits() >>> 6)) / 2 ** 53;
  return { bits, uniform };
}

/** A seed nobody chose, for those who want a different answer each time and to repeat it later. */
export function freshSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}

/** One step of xoshiro128**, which changes the four words of state. */
export function nextBits(state: Uint32Array): number {
  const second = state[1]!;
  const result = Math.imul(rotateLeft(Math.imul(second, 5), 7), 9) >>> 0;
  state[2]! ^= state[0]!;
  state[3]! ^= second;
  state[1]! ^= state[2]!;
  state[0]! ^= state[3]!;
  state[2]! ^= second << 9;
  state[3] = rotateLeft(state[3]!, 11);
  return result;
}

/** The words of two SplitMix64 numbers, the lower half of each first. */
function stateOf(seed: bigint): Uint32Array {
  const [first, second] = splitMix64(seed);
  return Uint32Array.of(lower(first), upper(first), lower(second), upper(second));
}

/** The first two numbers that SplitMix64 gives for a seed. */
export function splitMix64(seed: bigint): readonly [bigint, bigint] {
  const step = 0x9e3779b97f4a7c15n;
  return [mix(seed + step), mix(seed + 2n * step)];
}

function mix(number: bigint): bigint {
  let z = BigInt.asUintN(64, number);
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return z ^ (z >> 31n);
}

const lower = (word: bigint) => Number(word & 0xffffffffn);
const upper = (word: bigint) => Number(word >> 32n);

function rotateLeft(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

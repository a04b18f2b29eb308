/** Tensors as AWQ and GPTQ pack them, for tests (spec QUANT §3 and §6). */
import type { TensorToWrite } from '@lingbi/core';

export const GROUP = 32;

/** A linear of 4 bits as both formats would describe it: plain arrays, one number an entry. */
export interface Linear {
  readonly out: number;
  readonly width: number;
  q(row: number, input: number): number;
  zero(row: number, group: number): number;
  scale(row: number, group: number): number;
  /** Number format of scales; float16 only holds powers of two here. Default: float16. */
  readonly scaleType?: 'float16' | 'float32';
  /** The group of an input. */
  group(input: number): number;
}

export function linearOf(
  name: string,
  [out, width]: readonly number[],
  zeros: number | undefined,
): Linear {
  const seed = name.length;
  return {
    out: out!,
    width: width!,
    q: (row, input) => (row * 7 + input * 3 + seed + ((row * input) % 5)) % 16,
    // GPTQ stores zero points less one, so that none is 0.
    zero: (row, group) => zeros ?? 1 + ((row + 2 * group + seed) % 15),
    scale: (row, group) => 2 ** -(6 + ((row + group) % 3)), // float16 holds it exactly
    group: (input) => Math.floor(input / GROUP),
  };
}

function wordsOf(count: number, nibble: (word: number, place: number) => number): Uint8Array {
  const words = Uint32Array.from({ length: count }, (_, word) => {
    let bits = 0;
    for (let place = 0; place < 8; place++) bits += nibble(word, place) * 16 ** place;
    return bits;
  });
  return new Uint8Array(words.buffer);
}

const ORDER = [0, 2, 4, 6, 1, 3, 5, 7]; // of outputs in a word, spec QUANT §3

export function awqTensors(root: string, linear: Linear): TensorToWrite[] {
  const { out, width, q, zero } = linear;
  const columns = out / 8;
  const groups = width / GROUP;
  const output = (word: number, place: number) => 8 * (word % columns) + ORDER[place]!;
  const row = (word: number) => Math.floor(word / columns);
  return [
    tensor(`${root}.qweight`, 'int32', [width, columns], () =>
      wordsOf(width * columns, (word, place) => q(output(word, place), row(word))),
    ),
    tensor(`${root}.qzeros`, 'int32', [groups, columns], () =>
      wordsOf(groups * columns, (word, place) => zero(output(word, place), row(word))),
    ),
    scalesTensor(root, linear),
  ];
}

export function gptqTensors(
  root: string,
  linear: Linear,
  order?: readonly number[],
): TensorToWrite[] {
  const { out, width, q, zero } = linear;
  const groups = width / GROUP;
  return [
    tensor(`${root}.qweight`, 'int32', [width / 8, out], () =>
      wordsOf((width / 8) * out, (word, place) =>
        q(word % out, 8 * Math.floor(word / out) + place),
      ),
    ),
    tensor(`${root}.qzeros`, 'int32', [groups, out / 8], () =>
      wordsOf((groups * out) / 8, (word, place) => {
        return zero(8 * (word % (out / 8)) + place, Math.floor(word / (out / 8))) - 1;
      }),
    ),
    scalesTensor(root, linear),
    tensor(`${root}.g_idx`, 'int32', [width], () =>
      bytesOf(
        Int32Array.from({ length: width }, (_, input) => order?.[input] ?? linear.group(input)),
      ),
    ),
    tensor(`${root}.bias`, 'float16', [out], () => new Uint8Array(2 * out)),
  ];
}

function scalesTensor(root: string, { out, width, scale, scaleType }: Linear): TensorToWrite {
  const groups = width / GROUP;
  const scaleAt = (at: number) => scale(at % out, Math.floor(at / out));
  if (scaleType === 'float32') {
    const numbers = () => Float32Array.from({ length: groups * out }, (_, at) => scaleAt(at));
    return tensor(`${root}.scales`, scaleType, [groups, out], () => bytesOf(numbers()));
  }
  return tensor(`${root}.scales`, 'float16', [groups, out], () =>
    // 2^−n in float16 is the exponent alone.
    bytesOf(
      Uint16Array.from({ length: groups * out }, (_, at) => {
        return (Math.log2(scaleAt(at)) + 15) << 10;
      }),
    ),
  );
}

/** One whose bytes are there at once. */
interface TensorAtHand extends TensorToWrite {
  readonly bytes: () => Uint8Array;
}

export function tensor(
  name: string,
  dtype: TensorToWrite['dtype'],
  shape: readonly number[],
  bytes: () => Uint8Array,
): TensorAtHand {
  return { name, dtype, shape, bytes };
}

export function bytesOf({
  buffer,
  byteOffset,
  byteLength,
}: Int32Array | Uint16Array | Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** W[o, k] = (q − z) · s, as the specification says. */
export function numbersOf({ out, width, q, zero, scale, group }: Linear): number[] {
  return Array.from({ length: out * width }, (_, at) => {
    const [row, input] = [Math.floor(at / width), at % width];
    return (q(row, input) - zero(row, group(input))) * scale(row, group(input));
  });
}

/** Numbers that are not all the same. */
export function plain(name: string, shape: readonly number[]): TensorAtHand {
  const count = shape.reduce((a, b) => a * b);
  const numbers = Float32Array.from({ length: count }, (_, i) => Math.sin(i) / 8);
  return tensor(name, 'float32', shape, () => bytesOf(numbers));
}

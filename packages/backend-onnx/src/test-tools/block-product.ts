import {
  type Encoding,
  encodeWeight,
  type Graph,
  type HostTensor,
  linear,
  toFloat32,
  trace,
  type WeightPart,
  type WeightSource,
} from '@lingbi/core';
import { noise, randomFloats } from '@lingbi/core/testing';

/** A matrix [out, width] in blocks, and what is added to its products. */
export interface BlockMatrix {
  readonly out: number;
  readonly width: number;
  readonly encoding: Encoding & { readonly kind: 'blocks' };
  readonly parts: Readonly<Record<WeightPart, Uint8Array>>;
  readonly bias: Float32Array | undefined;
}

export interface BlockMatrixKind {
  readonly out: number;
  readonly width: number;
  readonly bits: 4 | 8;
  readonly blockSize: number;
  readonly zeroPoints: boolean;
  readonly hasBias: boolean;
  readonly scales?: 'float16';
}

export function randomBlocks(seed: string, kind: BlockMatrixKind): BlockMatrix {
  const { out, width, bits, blockSize, zeroPoints, hasBias, scales } = kind;
  const next = noise(seed);
  const bytes = (length: number) => Uint8Array.from({ length }, () => (next() + 1) * 128);
  const blocks = width / blockSize;
  const numbers = Float32Array.from({ length: out * blocks }, () => next() / 50);
  const parts = {
    values: bytes((out * width * bits) / 8),
    scales: scalesOf(numbers, scales),
    zeroPoints: bytes(out * Math.ceil((blocks * bits) / 8)),
  };
  const bias = hasBias ? (randomFloats(`${seed} bias`, [out]).data as Float32Array) : undefined;
  const own = { bits, blockSize, zeroPoints, ...(scales && { scales }) };
  return { out, width, encoding: { kind: 'blocks', ...own }, parts, bias };
}

/** Some of those in float16 are next to nothing, where steps are coarse. */
function scalesOf(numbers: Float32Array, dtype: 'float16' | undefined): Uint8Array {
  if (!dtype) return new Uint8Array(numbers.buffer);
  const some = numbers.map((number, at) => (at % 7 === 3 ? number * 2 ** -14 : number));
  return encodeWeight(some, 1, { kind: 'dense', dtype }).values!;
}

/** Rows of `axes` axes, multiplied by `matrix`. */
export function productGraph({ out, width, bias }: BlockMatrix, axes = 1): Graph {
  const x = { shape: [...['a', 'b', 'c'].slice(0, axes), width], dtype: 'float32' } as const;
  const weights = [
    { name: 'w', shape: [out, width] },
    ...(bias ? [{ name: 'bias', shape: [out] }] : []),
  ];
  return trace('multiply', { x }, ({ x }) => ({ y: linear(x, weights[0]!, weights[1]) }));
}

export function sourceOf({ out, width, encoding, parts, bias }: BlockMatrix): WeightSource {
  return {
    has: () => true,
    describe: (name) =>
      name === 'w'
        ? { shape: [out, width], encoding }
        : { shape: [out], encoding: { kind: 'dense', dtype: 'float32' } },
    read: async (name, part = 'values') =>
      name === 'w' ? parts[part] : new Uint8Array(bias!.buffer),
  };
}

/** A product in float64, and what rounding in float32 may change of each number. */
export interface Product {
  readonly numbers: Float64Array;
  readonly errors: Float64Array;
}

/** Activations are rounded to int8 as kernels do it, block by block; the rest is exact. */
export function exactProduct(matrix: BlockMatrix, { data }: HostTensor): Product {
  const { out, width, encoding, parts, bias } = matrix;
  const { blockSize } = encoding;
  const scales = toFloat32(parts.scales, encoding.scales ?? 'float32');
  const rows = data.length / width;
  const numbers = new Float64Array(rows * out);
  const errors = new Float64Array(rows * out);
  for (let row = 0; row < rows; row++) {
    const rounded = roundBlocks(
      data.subarray(row * width, (row + 1) * width) as Float32Array,
      blockSize,
    );
    for (let column = 0; column < out; column++) {
      let [sum, size] = [bias?.[column] ?? 0, Math.abs(bias?.[column] ?? 0)];
      rounded.forEach((block, at) => {
        const place = column * (width / blockSize) + at;
        const worth = block.size * scales[place]!;
        const zero = zeroPointAt(matrix, column, at);
        block.steps.forEach((step, i) => {
          const q = pick(parts.values, place * blockSize + i, encoding.bits);
          sum += worth * step * (q - zero);
          size += Math.abs(worth * step) * (q + zero);
        });
      });
      numbers[row * out + column] = sum;
      errors[row * out + column] = size * 2 ** -20; // 16 roundings of the largest sum there may be
    }
  }
  return { numbers, errors };
}

function roundBlocks(row: Float32Array, blockSize: number) {
  return Array.from({ length: row.length / blockSize }, (_, block) => {
    const numbers = row.subarray(block * blockSize, (block + 1) * blockSize);
    const most = Math.max(...numbers.map(Math.abs));
    const perNumber = most > 0 ? Math.fround(127 / most) : 0;
    const steps = Array.from(numbers, (each) => roundToEven(Math.fround(each * perNumber)));
    return { steps, size: Math.fround(most / 127) };
  });
}

function roundToEven(number: number): number {
  const floor = Math.floor(number);
  if (number - floor !== 0.5) return Math.round(number);
  return floor % 2 === 0 ? floor : floor + 1;
}

function zeroPointAt({ width, encoding, parts }: BlockMatrix, row: number, block: number): number {
  const { bits, blockSize, zeroPoints } = encoding;
  if (!zeroPoints) return 2 ** (bits - 1);
  const bytes = Math.ceil(((width / blockSize) * bits) / 8);
  return pick(parts.zeroPoints.subarray(row * bytes), block, bits);
}

function pick(bytes: Uint8Array, index: number, bits: 4 | 8): number {
  if (bits === 8) return bytes[index]!;
  const byte = bytes[index >> 1]!;
  return index % 2 === 0 ? byte & 15 : byte >> 4;
}

import {
  type Checkpoint,
  CheckpointError,
  encodeWeight,
  type StoredDType,
  type StoredTensor,
  toFloat32,
  type WeightPart,
} from '@lingbi/core';
import { unpackAwq } from './awq.ts';
import { unpackGptq } from './gptq.ts';

export type Packing = 'awq' | 'gptq';

export interface UnpackShape {
  readonly out: number;
  readonly width: number;
  readonly groups: number;
}

/** The words of a packed linear, unsigned. */
export interface PackedArrays {
  readonly qweight: Uint32Array;
  readonly qzeros: Uint32Array;
}

/** Whole numbers, one a byte: `values` [out, in], `zeroPoints` [out, groups]. */
export interface Unpacked {
  readonly values: Uint8Array;
  readonly zeroPoints: Uint8Array;
}

/** A linear of 4 bits in somebody else's packing. */
export interface PackedLinear extends UnpackShape {
  /** What its tensors' names begin with: `….wqkv` of `….wqkv.qweight`. */
  readonly root: string;
  readonly packing: Packing;
  /** Inputs that share a scale. */
  readonly groupSize: number;
  /** Whether groups are made of other than consecutive inputs; `g_idx` then says which. */
  readonly isReordered: boolean;
  /** Of all its groups together. */
  readonly zeroPoints: 'all-8' | '0-15' | 'beyond';
  /** Number format of its scales. */
  readonly scales: StoredDType;
}

const packings = { awq: unpackAwq, gptq: unpackGptq } as const;

/** Reads what has to be known before anything is planned: shapes, zero points and the order of inputs. */
export async function describePacked(
  root: string,
  checkpoint: Checkpoint,
  signal?: AbortSignal,
): Promise<PackedLinear> {
  const shape = shapeOf(root, checkpoint);
  const { groups, out, width, packing } = shape;
  const qzeros = await readWords(`${root}.qzeros`, [groups, out / 8], checkpoint, signal);
  const none = { qweight: new Uint32Array(0), qzeros };
  const { zeroPoints } = packings[packing](none, { out, width: 0, groups });
  return {
    ...shape,
    root,
    groupSize: width / groups,
    isReordered: await isReordered(root, shape, checkpoint, signal),
    zeroPoints: rangeOf(zeroPoints),
    scales: checkpoint.describe(`${root}.scales`).dtype,
  };
}

function rangeOf(zeroPoints: Uint8Array): PackedLinear['zeroPoints'] {
  if (zeroPoints.every((zero) => zero === 8)) return 'all-8';
  return zeroPoints.every((zero) => zero < 16) ? '0-15' : 'beyond';
}

/** Words of eight outputs are AWQ's, words of eight inputs GPTQ's. */
function shapeOf(root: string, checkpoint: Checkpoint): UnpackShape & { packing: Packing } {
  const [rows, columns] = matrixOf(`${root}.qweight`, checkpoint);
  const [groups, out] = matrixOf(`${root}.scales`, checkpoint);
  const packing = columns === out ? 'gptq' : 'awq';
  const width = packing === 'gptq' ? rows * 8 : rows;
  const fits = packing === 'gptq' || columns * 8 === out;
  if (fits && out % 8 === 0 && groups > 0 && width % groups === 0) {
    return { packing, out, width, groups };
  }
  throw malformed(
    `${root}.qweight`,
    checkpoint,
    `it is [${rows}, ${columns}] and its scales are [${groups}, ${out}]: neither AWQ's nor GPTQ's packing`,
  );
}

function matrixOf(name: string, checkpoint: Checkpoint): readonly [number, number] {
  const { shape } = checkpoint.describe(name);
  if (shape.length === 2) return shape as readonly [number, number];
  throw malformed(name, checkpoint, `it should be a matrix, but is [${shape}]`);
}

async function isReordered(
  root: string,
  { width, groups }: UnpackShape,
  checkpoint: Checkpoint,
  signal?: AbortSignal,
): Promise<boolean> {
  const order = await readOrder(root, width, groups, checkpoint, signal);
  return order?.some((group, input) => group !== Math.floor(input / (width / groups))) ?? false;
}

/** The group of each input, when the checkpoint says so. */
async function readOrder(
  root: string,
  width: number,
  groups: number,
  checkpoint: Checkpoint,
  signal?: AbortSignal,
): Promise<Uint32Array | undefined> {
  const name = `${root}.g_idx`;
  if (!checkpoint.has(name)) return undefined;
  const order = await readWords(name, [width], checkpoint, signal);
  if (order.every((group) => group < groups)) return order;
  throw malformed(name, checkpoint, `it names groups beyond the ${groups} that there are`);
}

/** The plain numbers, [out, in]: (q − zero point) · scale of the input's group. */
export async function readPackedNumbers(
  linear: PackedLinear,
  checkpoint: Checkpoint,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const { root, out, width, groups, groupSize } = linear;
  const { values, zeroPoints } = await readUnpacked(linear, checkpoint, signal);
  const scales = await readScales(linear, checkpoint, signal);
  const order = await readOrder(root, width, groups, checkpoint, signal);
  const numbers = new Float32Array(out * width);
  for (let row = 0; row < out; row++) {
    for (let input = 0; input < width; input++) {
      const group = row * groups + (order ? order[input]! : Math.floor(input / groupSize));
      const at = row * width + input;
      numbers[at] = (values[at]! - zeroPoints[group]!) * scales[group]!;
    }
  }
  return numbers;
}

/** The parts of the same numbers in blocks of our own, as `BlockEncoding` lays them out. */
export async function readPackedParts(
  linear: PackedLinear,
  dtype: StoredDType,
  checkpoint: Checkpoint,
  signal?: AbortSignal,
): Promise<Readonly<Record<WeightPart, Uint8Array>>> {
  const { values, zeroPoints } = await readUnpacked(linear, checkpoint, signal);
  const scales = await readScales(linear, checkpoint, signal);
  return {
    values: inPairs(values, linear.width),
    scales: encodeWeight(scales, 1, { kind: 'dense', dtype }).values!,
    zeroPoints: inPairs(zeroPoints, linear.groups),
  };
}

/** Two numbers a byte, the first in its lower half; each row begins with a byte of its own. */
function inPairs(numbers: Uint8Array, width: number): Uint8Array {
  const rowBytes = Math.ceil(width / 2);
  const rows = numbers.length / width;
  const bytes = new Uint8Array(rows * rowBytes);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < width; column++) {
      const shift = column % 2 === 0 ? 0 : 4;
      bytes[row * rowBytes + (column >> 1)]! |= numbers[row * width + column]! << shift;
    }
  }
  return bytes;
}

async function readUnpacked(
  { root, packing, out, width, groups }: PackedLinear,
  checkpoint: Checkpoint,
  signal?: AbortSignal,
): Promise<Unpacked> {
  const words = packing === 'gptq' ? [width / 8, out] : [width, out / 8];
  const qweight = await readWords(`${root}.qweight`, words, checkpoint, signal);
  const qzeros = await readWords(`${root}.qzeros`, [groups, out / 8], checkpoint, signal);
  return packings[packing]({ qweight, qzeros }, { out, width, groups });
}

/** [groups, out] → [out, groups]. */
async function readScales(
  { root, out, groups }: PackedLinear,
  checkpoint: Checkpoint,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const name = `${root}.scales`;
  const stored = toFloat32(await checkpoint.read(name, signal), checkpoint.describe(name).dtype);
  const scales = new Float32Array(out * groups);
  for (let group = 0; group < groups; group++) {
    for (let row = 0; row < out; row++) scales[row * groups + group] = stored[group * out + row]!;
  }
  return scales;
}

async function readWords(
  name: string,
  shape: readonly number[],
  checkpoint: Checkpoint,
  signal?: AbortSignal,
): Promise<Uint32Array> {
  const found: StoredTensor = checkpoint.describe(name);
  if (found.dtype !== 'int32' || found.shape.join() !== shape.join()) {
    const is = `${found.dtype} [${found.shape}]`;
    throw malformed(name, checkpoint, `it should be int32 [${shape}], but is ${is}`);
  }
  const bytes = await checkpoint.read(name, signal);
  const { buffer, byteOffset } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Uint32Array(buffer, byteOffset, bytes.length / 4);
}

function malformed(tensor: string, checkpoint: Checkpoint, detail: string): CheckpointError {
  const file = checkpoint.has(tensor) ? checkpoint.describe(tensor).at?.file : undefined;
  return new CheckpointError('malformed', detail, { file: file ?? 'the checkpoint', tensor });
}

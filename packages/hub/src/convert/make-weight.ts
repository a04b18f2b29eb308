import {
  type EncodeBlocksOptions,
  type Encoding,
  encodeWeight,
  evaluateExpression,
  namesIn,
  partsOf,
  type ReadTensor,
  toFloat32,
  type WeightBytes,
  type WeightExpression,
  type WeightPart,
  weightRole,
} from '@lingbi/core';
import { WeightRangeError } from './errors.ts';
import type { UnpackedCheckpoint } from './packed/unpacked-checkpoint.ts';
import type { PlannedWeight } from './plan-weights.ts';
import type { WeightPiece } from './write-shard.ts';

/** Numbers that are float32 at a time: a small part of the largest tensors. */
const NUMBERS_AT_ONCE = 2 ** 22;

/** Reads what a weight is made of, and encodes it some rows at a time. */
export async function* makeWeight(
  weight: PlannedWeight,
  checkpoint: UnpackedCheckpoint,
  options: EncodeBlocksOptions,
  signal?: AbortSignal,
): AsyncGenerator<WeightPiece> {
  if (weight.isRepacked) {
    yield* repackWeight(weight, checkpoint, signal);
    return;
  }
  const { expression, encoding, shape } = weight;
  const { bytes, dtype } = await evaluate(expression, checkpoint, signal);
  const width = encoding.kind === 'dense' ? 1 : shape[1]!;
  const numberBytes = bytes.length / shape.reduce((product, length) => product * length, 1);
  const rowBytes = width * numberBytes;
  const step = rowBytes * rowsAtOnce(encoding, width, bytes.length / rowBytes);
  for (let start = 0; start < bytes.length; start += step) {
    signal?.throwIfAborted();
    const numbers = toFloat32(bytes.subarray(start, start + step), dtype);
    requireRange(numbers, weight);
    yield* piecesOf(encodeWeight(numbers, width, encoding, options));
  }
}

const LARGEST_FLOAT16 = 65504;
/** The first number that rounds beyond the largest float16, 65504. */
const FLOAT16_OVERFLOW = 65520;

function requireRange(numbers: Float32Array, weight: PlannedWeight): void {
  const { encoding } = weight;
  if (encoding.kind === 'dense') {
    if (encoding.dtype === 'float16') requireFloat16(numbers, weight);
    return;
  }
  requireFinite(numbers, weight);
  if (encoding.kind === 'blocks' && encoding.scales) requireScales(numbers, weight, encoding.bits);
}

/** Rounded to infinity, a weight would make every answer NaN. What is infinite already stays so. */
function requireFloat16(numbers: Float32Array, { name, expression }: PlannedWeight): void {
  const beyond = numbers.find((number) => {
    return Math.abs(number) >= FLOAT16_OVERFLOW && Number.isFinite(number);
  });
  if (beyond === undefined) return;
  const role = weightRole(name);
  throw new WeightRangeError(name, namesIn(expression), beyond, {
    format: 'float16',
    reason: 'float16 ends at 65504',
    remedy: `Store it as float32 with --weights f32, or { formats: { ${role}: 'f32' } } of the API`,
  });
}

/** However blocks are rounded, the largest number of one is more than 2^(bits − 2) of its steps. */
function requireScales(
  numbers: Float32Array,
  { name, expression }: PlannedWeight,
  bits: number,
): void {
  const limit = LARGEST_FLOAT16 * 2 ** (bits - 2);
  const beyond = numbers.find((number) => Math.abs(number) > limit);
  if (beyond === undefined) return;
  throw new WeightRangeError(name, namesIn(expression), beyond, {
    format: `int${bits}`,
    reason: 'the scale of its block might be beyond float16, which ends at 65504',
    remedy: "Store scales as float32 with --scales float32, or { scales: 'float32' } of the API",
  });
}

/** In a block, NaN would become a number, and infinity would make its neighbours NaN. */
function requireFinite(numbers: Float32Array, { name, expression, encoding }: PlannedWeight): void {
  const strange = numbers.find((number) => !Number.isFinite(number));
  if (strange === undefined) return;
  throw new WeightRangeError(name, namesIn(expression), strange, {
    format: encoding.kind === 'blocks' ? `int${encoding.bits}` : 'int8',
    reason: 'whole numbers with a scale hold finite ones only',
    remedy: 'The checkpoint seems to be damaged: fetch or export it again',
  });
}

/** Scales that are made narrower than those of the source may be too large for it. */
async function requireKeptScales(
  scales: Float32Array,
  weight: PlannedWeight,
  checkpoint: UnpackedCheckpoint,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { name, expression, encoding } = weight;
  const names = namesIn(expression);
  const isNarrowed = names.some((from) => checkpoint.packed(from)!.scales !== 'float16');
  if (encoding.kind !== 'blocks' || !encoding.scales || !isNarrowed) {
    requireFinite(scales, weight);
    return;
  }
  if (scales.every(Number.isFinite)) return;
  const beyond = await largestScale(weight, checkpoint, signal);
  throw new WeightRangeError(name, names, beyond, {
    format: 'int4 with scales in float16',
    reason: 'float16 ends at 65504',
    remedy: 'Keep the scales of the source: leave out --scales (scales of the API)',
  });
}

/** As the source holds them: what is not finite there was not made so here. */
async function largestScale(
  weight: PlannedWeight,
  checkpoint: UnpackedCheckpoint,
  signal: AbortSignal | undefined,
): Promise<number> {
  let largest = 0;
  for (const name of namesIn(weight.expression)) {
    const { scales } = await checkpoint.readParts(name, 'float32', signal);
    const numbers = toFloat32(scales!, 'float32');
    requireFinite(numbers, weight);
    for (const each of numbers) if (Math.abs(each) > Math.abs(largest)) largest = each;
  }
  return largest;
}

/** What stands transposed is made as a whole. */
function rowsAtOnce({ kind }: Encoding, width: number, rows: number): number {
  return kind === 'channels' ? rows : Math.max(1, Math.floor(NUMBERS_AT_ONCE / width));
}

function piecesOf(parts: WeightBytes): WeightPiece[] {
  return Object.entries(parts).map(([part, bytes]) => ({ part: part as WeightPart, bytes }));
}

async function evaluate(
  expression: WeightExpression,
  checkpoint: UnpackedCheckpoint,
  signal?: AbortSignal,
): Promise<ReadTensor> {
  const tensors = new Map<string, ReadTensor>();
  for (const name of namesIn(expression)) {
    const bytes = await checkpoint.read(name, signal);
    tensors.set(name, { ...checkpoint.describe(name), bytes });
  }
  return evaluateExpression(expression, tensors);
}

/** Expressions of linears move whole rows, and every part of a packed one has its rows. */
async function* repackWeight(
  weight: PlannedWeight,
  checkpoint: UnpackedCheckpoint,
  signal?: AbortSignal,
): AsyncGenerator<WeightPiece> {
  const { expression, shape, encoding } = weight;
  const names = namesIn(expression);
  const read = new Map<string, WeightBytes>();
  const parts = partsOf(shape, encoding);
  const scales = parts.get('scales')!.dtype;
  for (const name of names) read.set(name, await checkpoint.readParts(name, scales, signal));
  for (const each of read.values()) {
    await requireKeptScales(toFloat32(each.scales!, scales), weight, checkpoint, signal);
  }
  for (const part of parts.keys()) {
    const tensors = new Map(
      names.map((name) => {
        const bytes = read.get(name)![part]!;
        const rows = checkpoint.packed(name)!.out;
        return [name, { dtype: 'uint8', shape: [rows, bytes.length / rows], bytes }] as const;
      }),
    );
    yield { part, bytes: evaluateExpression(expression, tensors).bytes };
  }
}

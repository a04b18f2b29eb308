import { type Checkpoint, toFloat32 } from '@lingbi/core';
import { RepairError } from '../errors.ts';
import { sumsOfColumns } from './sums-of-columns.ts';
import type { UnpackedCheckpoint } from './unpacked-checkpoint.ts';

/**
 * What AWQ divided a layer's activations by, one factor a channel, to multiply the columns of the
 * linears that read them (spec QUANT §4).
 */
interface Smoothing {
  /** Of the normed input of attention. */
  readonly attention: Float32Array;
  /** Of the normed input of the MLP. */
  readonly mlp: Float32Array;
  /** Of what `w2` reads. */
  readonly intermediate: Float32Array;
}

/** What the numbers of a low-rank matrix have to be multiplied by. */
interface Repair {
  readonly along: 'columns' | 'rows';
  readonly factors: Float32Array;
}

/** Where a repair reads: what is to be mended, and the checkpoint that it was packed from. */
export interface RepairSources {
  readonly checkpoint: UnpackedCheckpoint;
  readonly original: Checkpoint;
  /** The folder of `original`, for messages. */
  readonly folder: string;
}

const ADDITION =
  /^(.+\.layers\.\d+)\.(?:attention|feed_forward)\.(wqkv|w[123])\.(?:Plora|lora_\w+)_([AB])\.weight$/;

/**
 * A checkpoint of AWQ whose low-rank additions fit its smoothed activations. The exporter divides
 * activations and rescales what it packs, but not the additions beside; here they are those of the
 * original, rescaled alike. Nothing changes where nothing was smoothed.
 *
 * @throws RepairError when the original is not what the checkpoint was packed from.
 */
export async function repairedCheckpoint(
  sources: RepairSources,
  signal?: AbortSignal,
): Promise<UnpackedCheckpoint> {
  const { checkpoint } = sources;
  requirePackings(sources);
  const repairs = await findRepairs(sources, signal);
  return {
    ...checkpoint,
    describe: (name) => {
      if (!repairs.has(name)) return checkpoint.describe(name);
      return { dtype: 'float32', shape: checkpoint.describe(name).shape };
    },
    read: async (name, signal) => {
      const repair = repairs.get(name);
      if (!repair) return checkpoint.read(name, signal);
      const numbers = await readOriginal(name, sources, signal);
      return new Uint8Array(scaled(numbers, repair).buffer);
    },
  };
}

function requirePackings({ checkpoint, original, folder }: RepairSources): void {
  if (original.manifest || original.names.some((name) => name.endsWith('.qweight'))) {
    throw new RepairError(folder, 'it is converted or packed itself. Give the 16-bit checkpoint');
  }
  if (checkpoint.names.some((name) => checkpoint.packed(name)?.packing === 'awq')) return;
  const detail = 'only what AWQ packed needs a repair, and the source is not. Leave it out';
  throw new RepairError(folder, detail);
}

async function findRepairs(
  sources: RepairSources,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, Repair>> {
  const repairs = new Map<string, Repair>();
  const layers = new Map<string, Smoothing>();
  for (const name of sources.checkpoint.names) {
    const [, layer, linear, side] = ADDITION.exec(name) ?? [];
    if (layer === undefined) continue;
    if (!layers.has(layer)) layers.set(layer, await readSmoothing(layer, sources, signal));
    const repair = repairOf(linear!, side!, layers.get(layer)!);
    if (!repair) continue;
    requireAlike(name, sources);
    repairs.set(name, repair);
  }
  return repairs;
}

/** A's columns read divided activations; what B of `w3` adds to is divided itself. */
function repairOf(linear: string, side: string, smoothing: Smoothing): Repair | undefined {
  const { attention, mlp, intermediate } = smoothing;
  if (side === 'B') {
    if (linear !== 'w3') return undefined;
    return { along: 'rows', factors: intermediate.map((factor) => 1 / factor) };
  }
  const read = { wqkv: attention, w1: mlp, w3: mlp, w2: intermediate }[linear]!;
  return { along: 'columns', factors: read };
}

async function readSmoothing(
  layer: string,
  sources: RepairSources,
  signal?: AbortSignal,
): Promise<Smoothing> {
  return {
    attention: await normRatio(`${layer}.attention_norm.weight`, sources, signal),
    mlp: await normRatio(`${layer}.ffn_norm.weight`, sources, signal),
    intermediate: await columnRatio(`${layer}.feed_forward.w2.weight`, sources, signal),
  };
}

async function normRatio(
  name: string,
  sources: RepairSources,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const original = await readOriginal(name, sources, signal);
  const divided = await readNumbers(name, sources.checkpoint, signal);
  return original.map((number, channel) => factorOf(number, divided[channel]!));
}

/** Packed numbers are noisy: over a whole column, the factor of least squared error is not. */
async function columnRatio(
  name: string,
  sources: RepairSources,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const original = await readOriginal(name, sources, signal);
  const packed = await readNumbers(name, sources.checkpoint, signal);
  const width = sources.checkpoint.describe(name).shape[1]!;
  const { products, squares, packedSquares } = sumsOfColumns(original, packed, width);
  const explained = products.reduce((sum, product, column) => {
    return squares[column] === 0 ? sum : sum + product ** 2 / squares[column]!;
  }, 0);
  // Four bits leave some 1 % unexplained, other weights nearly all.
  if (explained < 0.75 * packedSquares) throw strange(name, sources, 'its numbers are others');
  return Float32Array.from(products, (product, column) => factorOf(product, squares[column]!));
}

/** A channel that is zero on either side was not scaled, or it makes no difference. */
function factorOf(numerator: number, denominator: number): number {
  const factor = numerator / denominator;
  return factor > 0 && Number.isFinite(factor) ? factor : 1;
}

async function readOriginal(
  name: string,
  sources: RepairSources,
  signal?: AbortSignal,
): Promise<Float32Array> {
  requireAlike(name, sources);
  return readNumbers(name, sources.original, signal);
}

function requireAlike(name: string, sources: RepairSources): void {
  const { checkpoint, original } = sources;
  if (!original.has(name)) throw strange(name, sources, 'it is not there');
  const [found, wanted] = [original, checkpoint].map((each) =>
    each.describe(name).shape.join(', '),
  );
  if (found !== wanted) throw strange(name, sources, `it is [${found}], not [${wanted}]`);
}

async function readNumbers(
  name: string,
  checkpoint: Checkpoint,
  signal?: AbortSignal,
): Promise<Float32Array> {
  return toFloat32(await checkpoint.read(name, signal), checkpoint.describe(name).dtype);
}

function scaled(numbers: Float32Array, { along, factors }: Repair): Float32Array {
  const width = numbers.length / factors.length; // of a row, when there is a factor for each
  return numbers.map((number, at) => {
    return number * factors[along === 'rows' ? Math.floor(at / width) : at % factors.length]!;
  });
}

function strange(name: string, { folder }: RepairSources, detail: string): RepairError {
  return new RepairError(
    folder,
    `the source was not packed from it, for ${name} differs: ${detail}. Give the 16-bit checkpoint that it was packed from`,
  );
}

import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Checkpoint, namesIn, openCheckpoint, type Rounding } from '@lingbi/core';
import type { WeightChoice } from './choose-encodings.ts';
import { SourceError } from './errors.ts';
import { hashSources } from './hash-sources.ts';
import { makeWeight } from './make-weight.ts';
import { repairedCheckpoint } from './packed/repaired-checkpoint.ts';
import { requireKnownPacking } from './packed/require-known-packing.ts';
import { type UnpackedCheckpoint, unpackedCheckpoint } from './packed/unpacked-checkpoint.ts';
import { planWeights } from './plan-weights.ts';
import { reportNarrowedBlocks } from './report-narrowed-blocks.ts';
import { requireOptions } from './require-options.ts';
import { requirePlace } from './require-place.ts';
import { requireUsedOptions } from './require-used-options.ts';
import { type TaskAdapter, unknownTensors, withAdapters } from './source-tensors.ts';
import { type WriteConvertedOptions, writeConverted } from './write-converted.ts';

export interface ConvertOptions extends WeightChoice, WriteConvertedOptions {
  /** Task adapters to keep. Default: all that the checkpoint holds. */
  readonly adapters?: readonly TaskAdapter[];
  /** How blocks are rounded. Default: `search`. */
  readonly rounding?: Rounding;
  /**
   * Folder of the 16-bit checkpoint that a checkpoint of AWQ was packed from: its low-rank additions
   * are then rescaled like the activations that they read, which AWQ forgets. Default: kept as they are.
   */
  readonly repairWith?: string;
}

/**
 * Writes a checkpoint again, in smaller numbers and laid out as backends bind them, so that it opens
 * at once. Reads safetensors and `.bin` files, plain or packed by AWQ or GPTQ; packed linears keep
 * their numbers when the choice is `int4` and the size of their blocks.
 *
 * ```ts no-run: takes minutes and gigabytes
 * await convertCheckpoint('internlm-xcomposer2d5-7b', 'ixc-int4', { weights: 'int4', vision: 'int8' });
 * await using model = await openModel('ixc-int4', { backend: onnx() });
 * ```
 *
 * It is written under a temporary name, `<out>.partial`. An interrupted conversion goes on there when
 * it is started again with the same source and options, and comes to the same bytes.
 *
 * @throws TypeError for an option that is not known, InvalidOptionError for a value that none can have;
 * SourceError, OptionError, RepairError, OutputExistsError, OutputPlaceError, OutputBusyError,
 * DiskFullError, WeightRangeError; CheckpointError, ConfigError, MissingWeightError before anything is
 * written.
 */
export async function convertCheckpoint(
  source: string,
  folder: string,
  options: ConvertOptions = {},
): Promise<void> {
  requireOptions(options);
  const out = resolve(folder);
  await requirePlace(out); // before gigabytes are hashed
  const { rounding = 'search', repairWith, signal, onProgress } = options;
  const files = await readSmallFiles(source);
  await using unpacked = await openSource(source, signal);
  await using original = await openOriginal(repairWith, signal);
  const checkpoint = original
    ? await repairedCheckpoint({ checkpoint: unpacked, original, folder: repairWith! }, signal)
    : unpacked;
  const tensors = withAdapters(checkpoint, options.adapters);
  const planned = planWeights(files.config, tensors, options, checkpoint.packed);
  requireUsedOptions(options, planned);
  reportNarrowedBlocks(options, planned);
  const used = new Set(planned.flatMap(({ expression }) => namesIn(expression)));
  const ignored = unknownTensors(tensors.names, used);
  if (ignored.length > 0) onProgress?.({ type: 'tensors-ignored', names: ignored });
  const origin = {
    source: await hashSources(checkpoint, options),
    rounding,
    adapters: [...(options.adapters ?? [])].sort().join(),
    ...(original && { repairedWith: await hashSources(original, options) }),
  };
  const shapes = [...used].map((name) => [name, tensors.describe(name).shape] as const);
  const byName = new Map(planned.map((weight) => [weight.name, weight]));
  const make = ({ name }: { readonly name: string }) =>
    makeWeight(byName.get(name)!, checkpoint, { rounding }, signal);
  const converted = { weights: planned, tensors: new Map(shapes), files: files.all, origin };
  await writeConverted(out, converted, make, options);
}

async function openSource(source: string, signal?: AbortSignal): Promise<UnpackedCheckpoint> {
  const checkpoint = await openCheckpoint(source, signal && { signal });
  try {
    if (!checkpoint.manifest) return await unpackedCheckpoint(checkpoint, signal);
    throw new SourceError(
      source,
      'it is converted already. Give the checkpoint that it was made of',
    );
  } catch (error) {
    await checkpoint[Symbol.asyncDispose]();
    throw error;
  }
}

async function openOriginal(
  folder: string | undefined,
  signal?: AbortSignal,
): Promise<Checkpoint | undefined> {
  return folder === undefined ? undefined : openCheckpoint(folder, signal && { signal });
}

/** Files that go along as they are, when they are there. */
const companions = ['tokenizer.model', 'generation_config.json', 'tokenizer_config.json'];

interface SmallFiles {
  readonly config: unknown;
  readonly all: ReadonlyMap<string, Uint8Array>;
}

async function readSmallFiles(source: string): Promise<SmallFiles> {
  const config = await readConfigFile(source);
  const all = new Map<string, Uint8Array>();
  all.set('config.json', new TextEncoder().encode(`${JSON.stringify(config, null, 2)}\n`));
  for (const name of companions) {
    const bytes = await readFile(join(source, name)).catch(() => undefined);
    if (bytes) all.set(name, bytes);
  }
  if (all.has('tokenizer.model')) return { config, all };
  throw new SourceError(source, 'it has no tokenizer.model. Copy it from the published checkpoint');
}

/** Without what it says of a packing that the converted checkpoint no longer has. */
async function readConfigFile(source: string): Promise<object> {
  const path = join(source, 'config.json');
  const text = await readFile(path, 'utf8').catch(() => {
    throw new SourceError(
      source,
      'it is no folder with a config.json. Give that of a checkpoint, as lingbi pull prints it',
    );
  });
  const { quantization_config: packing, ...config } = parseConfig(source, text);
  await requireKnownPacking(source, packing);
  return config;
}

function parseConfig(source: string, text: string): Record<string, unknown> {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SourceError(source, `its config.json is not JSON: ${(cause as Error).message}`);
  }
}

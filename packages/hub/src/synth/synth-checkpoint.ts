import { resolve } from 'node:path';
import {
  type CheckpointSizes,
  checkpointConfig,
  checkpointTensors,
  type StoredDType,
  type StoredTensor,
} from '@lingbi/core';
import type { WeightChoice } from '../convert/choose-encodings.ts';
import type { PlacedWeight } from '../convert/plan-shards.ts';
import { type DescribedTensors, planWeights } from '../convert/plan-weights.ts';
import { reportNarrowedBlocks } from '../convert/report-narrowed-blocks.ts';
import { type WriteConvertedOptions, writeConverted } from '../convert/write-converted.ts';
import type { WeightPiece } from '../convert/write-shard.ts';
import { normalTable, randomPart, xorshift } from './noise.ts';
import { requireSizes, requireVocabulary } from './require-sizes.ts';
import { requireSynthOptions } from './require-synth-options.ts';
import { clipLarge, type SynthShape, synthShapes } from './shapes.ts';
import { LEAST_PIECES, synthTokenizer } from './synth-tokenizer.ts';
import { writePlain } from './write-plain.ts';

export interface SynthOptions
  extends Omit<WeightChoice, 'weights' | 'vision'>,
    WriteConvertedOptions {
  /** Sizes by the name of a published model, or your own. */
  readonly shape: SynthShape | CheckpointSizes;
  /** A converted checkpoint with these weights, or a plain one in `bf16`. Default: `int4`. */
  readonly weights?: WeightChoice['weights'] | 'bf16';
  /** With a vision tower, ViT-L/14 at 560 pixels, stored like that. Default: none, only text. */
  readonly vision?: 'none' | 'f32' | 'int8';
  /** Ranks of low-rank additions, such as `{ Plora: 256, lora_web: 512 }`. Default: none. */
  readonly loraRanks?: Readonly<Record<string, number>>;
  /** The same seed gives the same bytes. Default: 1. */
  readonly seed?: number;
  /** A tokenizer.model to go with it. Default: one made up, which knows bytes and markers only. */
  readonly tokenizer?: Uint8Array;
}

/**
 * Writes a checkpoint of random weights that `openModel` opens: for benches and tests, where speed
 * and memory matter, but not what is said. It is written piece by piece, in little memory.
 *
 * ```ts no-run: writes a gigabyte
 * await synthCheckpoint('/models/synth-1.8b', { shape: 'internlm2-1.8b', weights: 'int4', block: 128 });
 * ```
 *
 * @throws TypeError, InvalidOptionError for what cannot be meant; OutputExistsError, OutputPlaceError,
 * OutputBusyError, DiskFullError
 */
export async function synthCheckpoint(folder: string, options: SynthOptions): Promise<void> {
  requireSynthOptions(options);
  const out = resolve(folder);
  const { weights = 'int4', vision = 'none', seed = 1 } = options;
  const sizes = sizesOf(options);
  requireSizes(sizes);
  if (!options.tokenizer) requireVocabulary(sizes.vocabularySize, LEAST_PIECES);
  const tensors = checkpointTensors(sizes);
  const config = checkpointConfig(sizes);
  const files = new Map([
    ['config.json', new TextEncoder().encode(`${JSON.stringify(config, null, 2)}\n`)],
    ['tokenizer.model', options.tokenizer ?? synthTokenizer(sizes.vocabularySize)],
  ]);
  if (weights === 'bf16') return writePlain(out, tensors, files, seed, options);
  const choice = { ...options, weights, vision: vision === 'int8' ? vision : 'f32' } as const;
  const planned = planWeights(config, describedAs(tensors, 'float32'), choice);
  reportNarrowedBlocks(options, planned);
  const origin = { synth: sizes, seed, weights, vision };
  const table = normalTable();
  const make = (weight: PlacedWeight) => randomWeight(weight, seed, table);
  return writeConverted(out, { weights: planned, tensors, files, origin }, make, options);
}

function sizesOf({ shape, vision = 'none', loraRanks }: SynthOptions): CheckpointSizes {
  const sizes = typeof shape === 'string' ? synthShapes[shape] : shape;
  return {
    ...sizes,
    ...(loraRanks && { loraRanks }),
    ...(vision !== 'none' && { vision: ('vision' in sizes && sizes.vision) || clipLarge }),
  };
}

function describedAs(
  tensors: ReadonlyMap<string, readonly number[]>,
  dtype: StoredDType,
): DescribedTensors {
  return {
    names: [...tensors.keys()],
    has: (name) => tensors.has(name),
    describe: (name): StoredTensor => ({ dtype, shape: tensors.get(name)! }),
  };
}

/** Written at a time: little beside a model, much beside a call. */
const PIECE_BYTES = 2 ** 24;

async function* randomWeight(
  { name, encoding, parts }: PlacedWeight,
  seed: number,
  table: Float32Array,
): AsyncGenerator<WeightPiece> {
  for (const [part, { length }] of parts) {
    const next = xorshift(hashOf(`${seed} ${name} ${part}`));
    for (let done = 0; done < length; done += PIECE_BYTES) {
      const bytes = Math.min(PIECE_BYTES, length - done);
      yield { part, bytes: randomPart(encoding, part, bytes, next, table) };
    }
  }
}

/** FNV-1a of 32 bits. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return hash;
}

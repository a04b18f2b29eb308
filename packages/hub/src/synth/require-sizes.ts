import { type CheckpointSizes, checkpointTensors, InvalidOptionError } from '@lingbi/core';
import { requireKnown } from '../require-known.ts';

/** Far beyond what is published; larger ones are slips of the keyboard. */
const largest = {
  vocabularySize: 2 ** 20,
  hiddenSize: 2 ** 17,
  mlpSize: 2 ** 24,
  layers: 2 ** 12,
  heads: 2 ** 12,
  kvHeads: 2 ** 12,
} as const;
const largestOfVision = {
  hiddenSize: 2 ** 14,
  mlpSize: 2 ** 16,
  layers: 2 ** 10,
  heads: 2 ** 10,
  tileSize: 2 ** 13,
  patchSize: 2 ** 10,
} as const;
const LARGEST_RANK = 2 ** 16;
/** 4 GiB of 16-bit numbers, the most that a file of a converted checkpoint holds. */
const LARGEST_TENSOR = 2 ** 31;

/** By the checkpoint's names (spec MODEL §1.3). */
const loras = ['Plora', 'lora_web', 'lora_sft', 'lora_dpo'];

/**
 * Asks whether there can be a checkpoint of these sizes.
 *
 * @throws InvalidOptionError naming the size, what it is and what it may be.
 */
export function requireSizes(sizes: CheckpointSizes): void {
  const { hiddenSize, heads, kvHeads, loraRanks = {}, vision } = sizes;
  requireKnown('synthCheckpoint: shape', sizes, [...Object.keys(largest), 'loraRanks', 'vision']);
  requireCounts('shape.', sizes, largest);
  requireParts('shape.heads', heads, 2, hiddenSize, 'features of even heads');
  requireParts('shape.kvHeads', kvHeads, 1, heads, 'query heads');
  requireKnown('synthCheckpoint: loraRanks', loraRanks, loras);
  for (const [name, rank] of Object.entries(loraRanks)) {
    requireCount(`loraRanks.${name}`, rank, LARGEST_RANK);
  }
  if (vision) {
    requireCounts('shape.vision.', vision, largestOfVision);
    requireParts('shape.vision.heads', vision.heads, 1, vision.hiddenSize, 'features');
    requireParts(
      'shape.vision.patchSize',
      vision.patchSize,
      2,
      vision.tileSize,
      'pixels, in pairs',
    );
  }
  requireTensors(sizes);
}

/** So many pieces as a vocabulary that is made up has at least: bytes and markers. */
export function requireVocabulary(vocabularySize: number, least: number): void {
  if (vocabularySize >= least) return;
  const detail = `it is ${vocabularySize}, but a vocabulary that is made up has ${least} pieces at least. Give a tokenizer.model of your own, or a larger one`;
  throw new InvalidOptionError('shape.vocabularySize', vocabularySize, detail);
}

function requireCounts<Name extends string>(
  root: string,
  counts: Readonly<Record<NoInfer<Name>, number>>,
  most: Readonly<Record<Name, number>>,
): void {
  for (const name of Object.keys(most) as Name[]) {
    requireCount(`${root}${name}`, counts[name], most[name]);
  }
}

function requireCount(option: string, count: unknown, most: number): void {
  if (Number.isInteger(count) && (count as number) >= 1 && (count as number) <= most) return;
  const detail = `it is ${count}, but it should be a whole number from 1 to ${most}`;
  throw new InvalidOptionError(option, count, detail);
}

/** `parts` times some multiple of `step` is the whole. */
function requireParts(
  option: string,
  parts: number,
  step: number,
  whole: number,
  of: string,
): void {
  if (whole % (parts * step) === 0) return;
  const detail = `it is ${parts}, which does not divide ${whole} ${of}`;
  throw new InvalidOptionError(option, parts, detail);
}

function requireTensors(sizes: CheckpointSizes): void {
  const tensors = checkpointTensors({ ...sizes, layers: 1 }); // all layers are alike
  for (const [name, shape] of tensors) {
    const numbers = shape.reduce((product, length) => product * length, 1);
    if (numbers < LARGEST_TENSOR) continue;
    const detail = `it makes ${name} [${shape.join(', ')}], and no tensor may have ${LARGEST_TENSOR} numbers`;
    throw new InvalidOptionError('shape', sizes, detail);
  }
}

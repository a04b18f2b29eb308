import {
  describeExpression,
  type Encoding,
  MissingWeightError,
  namesIn,
  readConfig,
  type StoredTensor,
  type WeightExpression,
  weightRole,
  xcomposerWeightMap,
} from '@lingbi/core';
import { encodingOf, type WeightChoice } from './choose-encodings.ts';
import type { PackedLinear } from './packed/packed-linear.ts';
import type { NamedWeight } from './plan-shards.ts';

/** What a checkpoint says of its tensors; nothing is read. */
export interface DescribedTensors {
  readonly names: readonly string[];
  has(name: string): boolean;
  describe(name: string): StoredTensor;
}

/** One of our weights: how it will be stored and what it is made of. */
export interface PlannedWeight extends NamedWeight {
  readonly expression: WeightExpression;
  /** Whether its numbers are in blocks already and keep them; only scales may become narrower. */
  readonly isRepacked: boolean;
}

/**
 * Our weights in the order of their files: low-rank additions come last, so that the files of those
 * that nobody asks for are never touched.
 *
 * @param packed how a tensor is packed, when it is not plain
 * @throws ConfigError, MissingWeightError, WeightMapError
 */
export function planWeights(
  config: unknown,
  tensors: DescribedTensors,
  choice: WeightChoice,
  packed: (name: string) => PackedLinear | undefined = () => undefined,
): PlannedWeight[] {
  const map = xcomposerWeightMap(readConfig(config, tensors), tensors);
  const all = Object.entries(map).map(([name, expression]): PlannedWeight => {
    const missing = namesIn(expression).find((from) => !tensors.has(from));
    if (missing !== undefined) throw new MissingWeightError(name, missing, tensors.names);
    const { shape } = describeExpression(expression, tensors);
    const wanted = encodingOf(name, shape, choice);
    const linears = namesIn(expression).map(packed);
    const kept = keptEncoding(wanted, linears, choice);
    return { name, shape, expression, encoding: kept ?? wanted, isRepacked: kept !== undefined };
  });
  const isLora = ({ name }: PlannedWeight) => weightRole(name) === 'lora';
  return [...all.filter((each) => !isLora(each)), ...all.filter(isLora)];
}

/** The blocks that packed linears have already, where they are of the wanted kind. */
function keptEncoding(
  wanted: Encoding,
  linears: readonly (PackedLinear | undefined)[],
  { block, scales, zeroPoints: asked }: WeightChoice,
): Encoding | undefined {
  if (wanted.kind !== 'blocks' || wanted.bits !== 4) return undefined;
  const blockSize = linears[0]?.groupSize;
  if (blockSize === undefined || ![16, 32, 64, 128, 256].includes(blockSize)) return undefined;
  const isKept = (linear: PackedLinear | undefined) =>
    linear?.groupSize === blockSize && !linear.isReordered && linear.zeroPoints !== 'beyond';
  if (!linears.every(isKept) || (block !== undefined && block !== blockSize)) return undefined;
  const isUneven = linears.some((linear) => linear!.zeroPoints !== 'all-8');
  if (isUneven && asked === false) return undefined; // its numbers cannot be had without them
  const zeroPoints = asked ?? isUneven;
  const isNarrow = linears.every((linear) => linear!.scales === 'float16');
  const stored = scales ?? (isNarrow ? 'float16' : 'float32');
  return {
    ...{ kind: 'blocks', bits: 4, blockSize, zeroPoints },
    ...(stored === 'float16' && { scales: 'float16' }),
  };
}

import {
  describeExpression,
  readConfig,
  type StoredTensor,
  type WeightExpression,
  weightRole,
  xcomposerWeightMap,
} from '@lingbi/core';
import { encodingOf, type WeightChoice } from './choose-encodings.ts';
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
}

/**
 * Our weights in the order of their files: low-rank additions come last, so that the files of those
 * that nobody asks for are never touched.
 *
 * @throws ConfigError, MissingWeightError, WeightMapError
 */
export function planWeights(
  config: unknown,
  tensors: DescribedTensors,
  choice: WeightChoice,
): PlannedWeight[] {
  const map = xcomposerWeightMap(readConfig(config, tensors), tensors);
  const all = Object.entries(map).map(([name, expression]): PlannedWeight => {
    const { shape } = describeExpression(expression, tensors);
    return { name, shape, encoding: encodingOf(name, shape, choice), expression };
  });
  const isLora = ({ name }: PlannedWeight) => weightRole(name) === 'lora';
  return [...all.filter((each) => !isLora(each)), ...all.filter(isLora)];
}

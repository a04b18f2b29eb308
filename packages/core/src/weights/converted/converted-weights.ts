import type { Checkpoint } from '../checkpoint.ts';
import { partsOf } from '../encodings/parts.ts';
import { CheckpointError, CONVERT_AGAIN, MissingWeightError } from '../errors.ts';
import type { FileRange, WeightDescription, WeightPart, WeightSource } from '../weight-source.ts';
import type { ConvertedWeight, Manifest } from './manifest.ts';
import { partName } from './part-names.ts';

/**
 * The weights of a converted checkpoint: each part stands in a file as backends bind it. The
 * checkpoint stays the caller's to dispose.
 *
 * @throws CheckpointError when a tensor is missing or is not what the manifest says.
 */
export function convertedWeights(
  checkpoint: Omit<Checkpoint, keyof AsyncDisposable>,
  { weights }: Manifest,
): WeightSource {
  const descriptions = new Map(
    Array.from(weights, ([name, weight]) => [name, describeWeight(name, weight, checkpoint)]),
  );
  return {
    has: (name) => descriptions.has(name),
    describe: (name) => {
      const description = descriptions.get(name);
      if (description) return description;
      throw new MissingWeightError(name, undefined, descriptions.keys());
    },
    read: async (name, part = 'values', signal) => {
      requirePart(name, part, weights);
      return checkpoint.read(partName(name, part), signal);
    },
  };
}

function describeWeight(
  name: string,
  { shape, encoding }: ConvertedWeight,
  checkpoint: Pick<Checkpoint, 'describe'>,
): WeightDescription {
  const at: Partial<Record<WeightPart, FileRange>> = {};
  for (const [part, { dtype, shape: expected }] of partsOf(shape, encoding)) {
    const tensor = partName(name, part);
    const found = checkpoint.describe(tensor);
    if (found.dtype !== dtype || found.shape.join() !== expected.join()) {
      throw new CheckpointError(
        'malformed',
        `the manifest makes it ${dtype} [${expected}], but it is ${found.dtype} [${found.shape}]. ${CONVERT_AGAIN}`,
        { file: found.at?.file ?? 'the checkpoint', tensor },
      );
    }
    if (found.at) at[part] = found.at;
  }
  return { shape, encoding, at };
}

function requirePart(name: string, part: WeightPart, weights: Manifest['weights']): void {
  const weight = weights.get(name);
  if (!weight) throw new MissingWeightError(name, undefined, weights.keys());
  if (partsOf(weight.shape, weight.encoding).has(part)) return;
  throw new TypeError(`${name} has no ${part}: it is encoded as ${weight.encoding.kind}`);
}

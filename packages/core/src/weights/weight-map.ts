import type { Checkpoint } from './checkpoint.ts';
import { MissingWeightError } from './errors.ts';
import { evaluateExpression, type ReadTensor } from './evaluate-expression.ts';
import {
  describeExpression,
  namesIn,
  type WeightExpression,
  type WeightMap,
} from './weight-expression.ts';
import type { WeightDescription, WeightSource } from './weight-source.ts';

export type { RegroupHeads, WeightExpression, WeightMap } from './weight-expression.ts';

/**
 * The weights of a model, made of a checkpoint's tensors as `map` says. Reads when asked, each tensor
 * once per weight. `has` is true when the checkpoint holds all that the weight is made of. The
 * checkpoint stays the caller's to dispose.
 *
 * ```ts
 * const weights = checkpointWeights(checkpoint, {
 *   'layers.0.gateUp': { stackRows: [
 *     { from: 'model.layers.0.feed_forward.w1.weight' },
 *     { from: 'model.layers.0.feed_forward.w3.weight' },
 *   ] },
 * });
 * ```
 */
export function checkpointWeights(checkpoint: Checkpoint, map: WeightMap): WeightSource {
  const expressions = new Map(Object.entries(map));
  const find = (name: string): WeightExpression => {
    const expression = expressions.get(name);
    if (!expression) throw new MissingWeightError(name, undefined, expressions.keys());
    const missing = namesIn(expression).find((from) => !checkpoint.has(from));
    if (missing === undefined) return expression;
    throw new MissingWeightError(name, missing, checkpoint.names);
  };
  return {
    has: (name) => {
      const expression = expressions.get(name);
      return expression !== undefined && namesIn(expression).every((from) => checkpoint.has(from));
    },
    describe: (name) => describeWeight(find(name), checkpoint),
    read: async (name, part = 'values', signal) => {
      if (part !== 'values') throw new TypeError(`${name} is dense: it has values, but no ${part}`);
      return readWeight(find(name), checkpoint, signal);
    },
  };
}

function describeWeight(expression: WeightExpression, checkpoint: Checkpoint): WeightDescription {
  const { dtype, shape, at } = describeExpression(expression, checkpoint);
  return { shape, encoding: { kind: 'dense', dtype }, ...(at && { at: { values: at } }) };
}

async function readWeight(
  expression: WeightExpression,
  checkpoint: Checkpoint,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  describeExpression(expression, checkpoint); // what does not fit is an error before anything is read
  const tensors = new Map<string, ReadTensor>();
  for (const name of namesIn(expression)) {
    const bytes = await checkpoint.read(name, signal);
    tensors.set(name, { ...checkpoint.describe(name), bytes });
  }
  return evaluateExpression(expression, tensors).bytes;
}

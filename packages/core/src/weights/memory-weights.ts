import { MissingWeightError } from './errors.ts';
import { countNumbers } from './stored-dtype.ts';
import type { WeightSource } from './weight-source.ts';

export interface MemoryWeight {
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: Float32Array;
}

/**
 * Weights that are arrays already, for tests and small models. `read` returns the array's own bytes.
 *
 * @throws RangeError when an array does not fit its shape.
 */
export function memoryWeights(weights: ReadonlyMap<string, MemoryWeight>): WeightSource {
  for (const [name, weight] of weights) checkLength(name, weight);
  const find = (name: string): MemoryWeight => {
    const weight = weights.get(name);
    if (weight) return weight;
    throw new MissingWeightError(name, undefined, weights.keys());
  };
  return {
    has: (name) => weights.has(name),
    describe: (name) => ({
      shape: find(name).shape,
      encoding: { kind: 'dense', dtype: 'float32' },
    }),
    read: async (name, part = 'values', signal) => {
      signal?.throwIfAborted();
      if (part !== 'values') throw new TypeError(`${name} is dense: it has values, but no ${part}`);
      const { buffer, byteOffset, byteLength } = find(name).data;
      return new Uint8Array(buffer, byteOffset, byteLength);
    },
  };
}

function checkLength(name: string, { shape, data }: MemoryWeight): void {
  if (data.length === countNumbers(shape)) return;
  throw new RangeError(
    `memoryWeights: ${name} has ${data.length} numbers for the shape [${shape}]`,
  );
}

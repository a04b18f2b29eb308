import type { Weight } from '../graph/graph.ts';
import { memoryWeights } from '../weights/memory-weights.ts';
import type { WeightSource } from '../weights/weight-source.ts';
import { randomFloats } from './noise.ts';

/** Random numbers for every weight: gains about 1, matrices small enough that nothing saturates. */
export function noiseWeights(weights: readonly Weight[]): WeightSource {
  return memoryWeights(
    new Map(weights.map(({ name, shape }) => [name, { shape, data: numbers(name, shape) }])),
  );
}

function numbers(name: string, shape: readonly number[]): Float32Array {
  const isVector = shape.length === 1;
  const noise = randomFloats(name, shape, isVector ? 0.1 : 0.3).data as Float32Array;
  return isVector ? noise.map((value) => 1 + value) : noise;
}

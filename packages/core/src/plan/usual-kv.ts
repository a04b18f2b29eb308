import type { KvFormat } from '../backend/backend.ts';
import type { MemoryModel } from '../backend/memory-model.ts';
import type { Graph } from '../graph/graph.ts';
import type { WeightSource } from '../weights/weight-source.ts';

/**
 * How a model keeps keys and values where nobody says so: in float16, if its backend can and its weights are rounded
 * to 8 bits or fewer, beside which that is nothing; otherwise in float32 (docs/decisions/087).
 */
export function usualKv(
  graphs: readonly Graph[],
  weights: Pick<WeightSource, 'describe'>,
  memory: MemoryModel,
): KvFormat {
  const isRounded = decodersOf(graphs).some((decoder) =>
    decoder.weights.some(({ name }) => weights.describe(name).encoding.kind === 'blocks'),
  );
  return isRounded && keepsHalves(graphs, memory) ? 'float16' : 'float32';
}

/** Whether caches of these graphs can be in float16. */
export function keepsHalves(graphs: readonly Graph[], memory: MemoryModel): boolean {
  return decodersOf(graphs).every((decoder) => memory.keepsHalves?.(decoder) ?? false);
}

function decodersOf(graphs: readonly Graph[]): readonly Graph[] {
  return graphs.filter(({ cache }) => cache.length > 0);
}

import type { CacheLayer, Graph } from '@lingbi/core';
import type { EngineName } from '../engines/engine.ts';
import type { WeightFormat } from '../weights/format.ts';
import { memoryLimit } from './limits.ts';
import { WASM_COPIES, weightBytes } from './weight-bytes.ts';

export interface MemoryQuestion {
  readonly engine: EngineName;
  /** Default: `float32`. */
  readonly weights?: WeightFormat;
  /** Positions the cache will hold, in all its slots together. Default: 0. */
  readonly capacity?: number;
  /** What the engine may take, in bytes. Default: its own limit, or this machine's memory. */
  readonly limit?: number;
}

/** All in bytes. */
export interface MemoryPlan {
  readonly weights: number;
  /** Keys and values of the whole capacity. */
  readonly cache: number;
  readonly total: number;
  /** Undefined when it cannot be known: give it as an option. */
  readonly limit: number | undefined;
  /** Undefined when the limit is. Leaves no room for intermediate results, a few hundred MiB. */
  readonly fits: boolean | undefined;
}

/**
 * What a set of graphs takes on an engine, before a byte is read.
 *
 * ```ts
 * const { fits, total } = planMemory(Object.values(graphs), {
 *   engine: 'tensorflow', weights: 'int8', capacity: 4096, limit: 24 * 2 ** 30,
 * });
 * ```
 */
export function planMemory(graphs: readonly Graph[], question: MemoryQuestion): MemoryPlan {
  const { engine, weights: format = 'float32', capacity = 0 } = question;
  const weights = weightBytes(graphs, engine, format);
  const cache = capacity * bytesPerPosition(graphs, engine);
  const total = weights + cache;
  const limit = question.limit ?? memoryLimit(engine);
  return { weights, cache, total, limit, fits: limit === undefined ? undefined : total <= limit };
}

/** Keys and values are float32; wasm keeps them packed as well. */
function bytesPerPosition(graphs: readonly Graph[], engine: EngineName): number {
  const layers = new Map<number, CacheLayer>();
  for (const { cache } of graphs) for (const layer of cache) layers.set(layer.layer, layer);
  const numbers = [...layers.values()].reduce(
    (sum, { kvHeads, headDim }) => sum + 2 * kvHeads * headDim,
    0,
  );
  return numbers * 4 * (engine === 'wasm' ? WASM_COPIES : 1);
}

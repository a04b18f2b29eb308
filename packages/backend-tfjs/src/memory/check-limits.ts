import {
  type CacheDemand,
  CacheMemoryError,
  type Graph,
  type Shape,
  type Weight,
} from '@lingbi/core';
import type { Engine, EngineName } from '../engines/engine.ts';
import { BufferLimitError, EngineMemoryError, gibibytes } from '../errors.ts';
import { WASM_LIMIT, WEBGPU_BUFFER_LIMIT } from './limits.ts';
import { WASM_COPIES, weightBytes } from './weight-bytes.ts';

/**
 * Refuses what the engine would answer with an abort or with wrong numbers; reads nothing.
 *
 * @throws EngineMemoryError when the weights of `eager` graphs do not fit wasm's memory.
 * @throws BufferLimitError when a weight or a result of any graph does not fit a WebGPU buffer.
 */
export function checkLimits(
  engine: EngineName,
  all: readonly Graph[],
  eager: readonly Graph[],
): void {
  if (engine === 'wasm') checkTotal(engine, eager);
  if (engine === 'webgpu') for (const graph of all) checkBuffers(engine, graph);
}

/**
 * Weights of lazy graphs arrive later, when caches have grown: whether one more still fits.
 *
 * @throws EngineMemoryError
 */
export function checkRoom({ name, tf }: Engine, { shape }: Weight): void {
  if (name !== 'wasm') return;
  const added = shape.reduce((product, length) => product * length, 4);
  const needed = WASM_COPIES * (tf.memory().numBytes + added);
  if (needed > WASM_LIMIT) throw new EngineMemoryError(name, needed, WASM_LIMIT);
}

/**
 * Pasts grow as they are read: whether they still fit once all slots are full. In int8 they stand in
 * arrays outside of the engine.
 *
 * @throws CacheMemoryError
 */
export function checkCache(
  { name, tf }: Engine,
  { layers, slots, capacity, held, kv }: CacheDemand,
): void {
  if (name !== 'wasm' || kv === 'int8') return;
  const position = layers.reduce((sum, { kvHeads, headDim }) => sum + 2 * kvHeads * headDim * 4, 0);
  const needed = WASM_COPIES * (tf.memory().numBytes + (slots * capacity - held) * position);
  if (needed <= WASM_LIMIT) return;
  const because = `with it the TensorFlow.js engine "wasm" would need ${gibibytes(needed)}, but it aborts the process beyond ${gibibytes(WASM_LIMIT)}`;
  throw new CacheMemoryError(capacity, slots, because);
}

function checkTotal(engine: EngineName, graphs: readonly Graph[]): void {
  const needed = weightBytes(graphs, engine, 'float32');
  if (needed > WASM_LIMIT) throw new EngineMemoryError(engine, needed, WASM_LIMIT);
}

function checkBuffers(engine: EngineName, { name, weights, nodes }: Graph): void {
  for (const weight of weights) checkBuffer(engine, weight.name, weight.shape);
  for (const { op, outputs, scope } of nodes) {
    for (const { shape } of outputs) {
      checkBuffer(engine, `The result of ${op} in ${scope || name}`, shape);
    }
  }
}

/** Lengths that only a run knows count as one: `checkBuffer` is called again on what it makes. */
export function checkBuffer(engine: EngineName, what: string, shape: Shape): void {
  const numbers = shape.reduce<number>((product, dim) => {
    return product * (typeof dim === 'number' ? dim : 1);
  }, 1);
  const bytes = numbers * 4;
  if (bytes <= WEBGPU_BUFFER_LIMIT) return;
  throw new BufferLimitError(engine, what, bytes, WEBGPU_BUFFER_LIMIT);
}

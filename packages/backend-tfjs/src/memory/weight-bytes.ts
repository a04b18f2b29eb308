import type { Graph, OpName, Weight } from '@lingbi/core';
import { isWeight } from '@lingbi/core';
import type { EngineName } from '../engines/engine.ts';
import { formatOf, matrixBytes, type WeightFormat } from '../weights/format.ts';

/**
 * XNNPACK behind wasm keeps a packed copy of every matrix it multiplies with, beside the matrix. That
 * is nearly all there is; tables of embeddings, which it does not pack, count as if it did.
 */
export const WASM_COPIES: number = 2;

/** Bytes the weights of the graphs take on an engine; what several graphs share counts once. */
export function weightBytes(
  graphs: readonly Graph[],
  engine: EngineName,
  format: WeightFormat,
): number {
  const all = new Map(graphs.flatMap((graph) => usedWeights(graph)));
  const bytes = [...all.values()].reduce((sum, use) => sum + bytesOf(use, format), 0);
  return engine === 'wasm' ? bytes * WASM_COPIES : bytes;
}

interface WeightUse {
  readonly weight: Weight;
  readonly op: OpName;
}

function usedWeights({ nodes }: Graph): [string, WeightUse][] {
  return nodes.flatMap(({ op, attributes }) =>
    Object.values(attributes)
      .filter(isWeight)
      .map((weight): [string, WeightUse] => [weight.name, { weight, op }]),
  );
}

function bytesOf({ weight, op }: WeightUse, format: WeightFormat): number {
  const numbers = weight.shape.reduce((product, length) => product * length, 1);
  if (weight.shape.length !== 2 || (op !== 'linear' && op !== 'embed')) return numbers * 4;
  const shape = weight.shape as readonly [number, number];
  if (op === 'embed') return matrixBytes(format === 'float32' ? format : 'bfloat16', shape);
  return matrixBytes(formatOf(format, shape), shape);
}

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
  const all = usedWeights(graphs).values();
  const bytes = [...all].reduce((sum, { weight, readers }) => {
    return sum + weightUseBytes(weight, readers, format);
  }, 0);
  return engine === 'wasm' ? bytes * WASM_COPIES : bytes;
}

/** Which operations use each weight. */
function usedWeights(
  graphs: readonly Graph[],
): Map<string, { weight: Weight; readers: Set<OpName> }> {
  const all = new Map<string, { weight: Weight; readers: Set<OpName> }>();
  for (const { op, attributes } of graphs.flatMap(({ nodes }) => nodes)) {
    for (const weight of Object.values(attributes).filter(isWeight)) {
      const known = all.get(weight.name) ?? { weight, readers: new Set() };
      all.set(weight.name, { weight, readers: known.readers.add(op) });
    }
  }
  return all;
}

/** Bytes a weight takes, in the form that suits its readers (see load-weight.ts). */
export function weightUseBytes(
  { shape }: Weight,
  readers: ReadonlySet<OpName>,
  format: WeightFormat,
): number {
  const numbers = shape.reduce((product, length) => product * length, 1);
  const isMatrix = shape.length === 2 && readers.size === 1;
  const matrix = shape as readonly [number, number];
  if (isMatrix && readers.has('linear')) return matrixBytes(formatOf(format, matrix), matrix);
  if (isMatrix && readers.has('embed') && format !== 'float32') return numbers * 2;
  return numbers * 4;
}

import type { Graph } from '../graph/graph.ts';
import { showShape } from '../graph/print-graph.ts';
import type { WeightSource } from '../weights/weight-source.ts';

/** A checkpoint's tensor has another shape than the model built from its configuration. */
export class WeightShapeError extends Error {
  override readonly name = 'WeightShapeError';
  constructor(
    readonly weight: string,
    readonly expected: readonly number[],
    readonly found: readonly number[],
    graph: string,
  ) {
    super(
      `Cannot compile "${graph}": it needs ${weight} as ${showShape(expected)}, but the checkpoint holds ${showShape(found)}. ` +
        'The configuration and the weights belong to different models',
    );
  }
}

/** Compares every weight of the graphs with what `source` describes; reads nothing. */
export function checkWeights(graphs: readonly Graph[], source: WeightSource): void {
  for (const graph of graphs) {
    for (const { name, shape } of graph.weights) {
      const found = source.describe(name).shape;
      if (found.join() === shape.join()) continue;
      throw new WeightShapeError(name, shape, found, graph.name);
    }
  }
}

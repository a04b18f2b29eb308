import type { CacheLayer, Graph } from '../graph/graph.ts';
import type { WeightSource } from '../weights/weight-source.ts';
import { checkWeights } from './check-weights.ts';
import { RunError, UnsupportedError } from './errors.ts';

type Graphs = Readonly<Record<string, Graph>>;

/**
 * Whether a program may take these graphs in: their names are new, caches that exist hold their layers,
 * and every weight has its shape. Reads nothing.
 *
 * @throws RunError, UnsupportedError, WeightShapeError, MissingWeightError
 */
export function checkExtension(known: Graphs, added: Graphs, weights: WeightSource): void {
  const layers = new Map(layersOf(known).map((layer) => [layer.layer, layer]));
  for (const name of Object.keys(added)) {
    if (!Object.hasOwn(known, name)) continue;
    throw new RunError(`Cannot add a graph "${name}": this program holds one of that name`);
  }
  for (const layer of layersOf(added)) {
    const own = layers.get(layer.layer);
    if (own?.kvHeads === layer.kvHeads && own.headDim === layer.headDim) continue;
    throw new UnsupportedError(
      `Cannot add graphs whose layer ${layer.layer} has ${layer.kvHeads} heads of ${layer.headDim}: the caches of this program do not hold such a layer`,
    );
  }
  checkWeights(Object.values(added), weights);
}

/** Names of weights that only these graphs use. */
export function weightsOnlyOf(removed: readonly Graph[], others: readonly Graph[]): string[] {
  const kept = new Set(others.flatMap(({ weights }) => weights).map(({ name }) => name));
  const names = removed.flatMap(({ weights }) => weights).map(({ name }) => name);
  return [...new Set(names)].filter((name) => !kept.has(name));
}

function layersOf(graphs: Graphs): CacheLayer[] {
  return Object.values(graphs).flatMap(({ cache }) => cache);
}

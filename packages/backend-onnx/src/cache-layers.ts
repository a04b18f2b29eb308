import { type CacheLayer, type Graph, UnsupportedError } from '@lingbi/core';

/**
 * Every layer of the cache once, whichever graphs name it.
 *
 * @throws UnsupportedError when graphs mean different layers by one number.
 */
export function mergeLayers(graphs: readonly Graph[]): readonly CacheLayer[] {
  const layers = new Map<number, CacheLayer>();
  for (const layer of graphs.flatMap(({ cache }) => cache)) {
    const known = layers.get(layer.layer) ?? layer;
    layers.set(layer.layer, known);
    if (known.kvHeads === layer.kvHeads && known.headDim === layer.headDim) continue;
    throw new UnsupportedError(
      `Layer ${layer.layer} of the cache has ${known.kvHeads} heads of ${known.headDim} in one graph ` +
        `and ${layer.kvHeads} of ${layer.headDim} in another: graphs of one program share their caches`,
    );
  }
  return [...layers.values()];
}

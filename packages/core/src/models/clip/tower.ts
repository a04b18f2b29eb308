/** The CLIP vision tower (Radford et al. 2021) as InternLM-XComposer uses it (spec MODEL §7). */
import type { Tensor, Weight } from '../../graph/graph.ts';
import { inScope } from '../../graph/trace.ts';
import {
  activate,
  add,
  concat,
  conv2d,
  layerNorm,
  linear,
  reshape,
  selfAttention,
  slice,
  transpose,
} from '../../ops/index.ts';

export interface TowerConfig {
  /** Width and height of a tile in pixels. */
  readonly tileSize: number;
  readonly patchSize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly normEpsilon: number;
}

export interface Affine {
  readonly weight: Weight;
  readonly bias: Weight;
}

export interface TowerLayerWeights {
  readonly attentionNorm: Affine;
  readonly query: Affine;
  readonly key: Affine;
  readonly value: Affine;
  readonly attentionOut: Affine;
  readonly mlpNorm: Affine;
  readonly up: Affine;
  readonly down: Affine;
}

export interface TowerWeights {
  /** [hiddenSize, 3, patchSize, patchSize], without bias. */
  readonly patches: Weight;
  /** [1, hiddenSize] */
  readonly classToken: Weight;
  /** [1 + patches, hiddenSize]; the class token's is first. */
  readonly positions: Weight;
  readonly preNorm: Affine;
  readonly layers: readonly TowerLayerWeights[];
}

/**
 * Features of a tile's patches, row by row: pixels [3, tileSize, tileSize] → [patches, hiddenSize].
 * The last layer's output as it is: the checkpoint's final norm is not part of this model.
 */
export function tower(pixels: Tensor, w: TowerWeights, config: TowerConfig): Tensor {
  const side = config.tileSize / config.patchSize;
  const map = conv2d(pixels, w.patches, config.patchSize);
  const patches = transpose(reshape(map, [config.hiddenSize, side * side]), [1, 0]);
  const placed = add(concat([w.classToken, patches], 0), w.positions);
  const start = layerNorm(placed, w.preNorm.weight, w.preNorm.bias, config.normEpsilon);
  const features = w.layers.reduce(
    (x, layer, index) => inScope(x, `tower.${index}`, () => towerLayer(x, layer, config)),
    start,
  );
  return slice(features, 0, 1, 1 + side * side);
}

/** Attention among all patches, then an MLP; each reads a normed copy and adds its answer back. */
function towerLayer(x: Tensor, w: TowerLayerWeights, { heads, normEpsilon }: TowerConfig): Tensor {
  const norm = (rows: Tensor, { weight, bias }: Affine) =>
    layerNorm(rows, weight, bias, normEpsilon);
  const affine = (rows: Tensor, { weight, bias }: Affine) => linear(rows, weight, bias);
  const normed = norm(x, w.attentionNorm);
  const [q, k, v] = [w.query, w.key, w.value].map((part) => affine(normed, part));
  const attended = add(x, affine(selfAttention(q!, k!, v!, heads), w.attentionOut));
  const mixed = activate(affine(norm(attended, w.mlpNorm), w.up), 'quickGelu');
  return add(attended, affine(mixed, w.down));
}

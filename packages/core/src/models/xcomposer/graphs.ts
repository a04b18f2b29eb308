/** The graphs of one checkpoint. They share weights and, as far as they decode, a cache. */
import type { Graph, Tensor } from '../../graph/graph.ts';
import { inScope, trace } from '../../graph/trace.ts';
import { activate, linear, reshape, transpose } from '../../ops/index.ts';
import { type TowerConfig, tower } from '../clip/tower.ts';
import {
  type DecoderConfig,
  type DecoderWeights,
  decoder,
  decoderRows,
} from '../internlm2/decoder.ts';
import type { AdapterName, TensorShapes, VisionConfig, XComposerConfig } from './config.ts';
import {
  decoderPlaces,
  mixedPlaces,
  type ProjectorWeights,
  projectorPlaces,
  towerPlaces,
} from './places.ts';
import type { LoraName } from './weight-map.ts';

/** Text and images pass through the same decoder; only images pass through partial LoRA as well. */
export type DecodeGraph = `decode${'Text' | 'Image'}.${AdapterName}`;
export type GraphName = 'vision' | 'project' | DecodeGraph;
export type XComposerGraphs = Readonly<Record<GraphName, Graph>>;

/** What each mode adds on every token (spec MODEL §4). */
const lorasOf: Readonly<Record<AdapterName, readonly LoraName[]>> = {
  base: [],
  web: ['web'],
  write: ['sft', 'dpo'],
};

/** `shapes` are those of our own parameters, as the weight map describes them. */
export function xcomposerGraphs(config: XComposerConfig, shapes: TensorShapes): XComposerGraphs {
  const decoders = config.adapters.flatMap((adapter) => {
    const graph = (name: DecodeGraph, loras: readonly LoraName[]) =>
      [name, decoder(name, decoderPlaces(config, shapes, loras), config.decoder)] as const;
    const text = graph(`decodeText.${adapter}`, lorasOf[adapter]);
    if (!config.vision) return [text];
    return [text, graph(`decodeImage.${adapter}`, [...lorasOf[adapter], 'image'])];
  });
  return {
    ...(config.vision && visionGraphs(config.vision, config.decoder)),
    ...Object.fromEntries(decoders),
  } as XComposerGraphs;
}

/** Graphs that give the last hidden state of every position, for those who ask for embeddings. */
export function rowGraphs(
  config: XComposerConfig,
  shapes: TensorShapes,
  adapter: AdapterName,
): Readonly<Record<string, Graph>> {
  return bothKinds(config, 'rows', adapter, (name, isImage) => {
    const loras: readonly LoraName[] = [
      ...lorasOf[adapter],
      ...(isImage ? ['image' as const] : []),
    ];
    return decoderRows(name, decoderPlaces(config, shapes, loras), config.decoder);
  });
}

/** The decoder of text with what a mode adds. */
export function textPlaces(
  config: XComposerConfig,
  shapes: TensorShapes,
  adapter: AdapterName,
): DecoderWeights {
  return decoderPlaces(config, shapes, lorasOf[adapter]);
}

/** Text of several adapters at once, each of which acts on its own tokens. */
export function mixedGraph(
  name: string,
  decoders: ReadonlyMap<string, DecoderWeights>,
  config: DecoderConfig,
): Graph {
  return decoder(name, mixedPlaces(decoders), config);
}

/** A graph for text, and one for pictures if there are any: `decodeText.web`, `decodeImage.web`. */
export function bothKinds(
  { vision }: XComposerConfig,
  what: 'decode' | 'rows',
  adapter: string,
  graph: (name: string, isImage: boolean) => Graph,
): Record<string, Graph> {
  const kinds = vision ? ['Text', 'Image'] : ['Text'];
  const names = kinds.map((kind) => `${what}${kind}.${adapter}`);
  return Object.fromEntries(names.map((name, place) => [name, graph(name, place > 0)]));
}

/** Adapters are tensors of their own, and many programs never ask for them. */
export function isLazy(name: GraphName): boolean {
  return name.startsWith('decode') && !name.endsWith('.base');
}

/** The graphs whose weights are loaded when the model is opened. */
export function eagerGraphs(graphs: XComposerGraphs): Graph[] {
  const names = Object.keys(graphs) as GraphName[];
  return names.filter((name) => !isLazy(name)).map((name) => graphs[name]);
}

function visionGraphs(
  vision: VisionConfig,
  decoder: DecoderConfig,
): Pick<XComposerGraphs, 'vision' | 'project'> {
  return { vision: visionGraph(vision, decoder), project: projectGraph(vision, decoder) };
}

/** One tile: `pixels` [3, tileSize, tileSize] → `rows` [cells, hiddenSize], a row for 2 × 2 patches. */
function visionGraph(vision: VisionConfig, decoder: DecoderConfig): Graph {
  const { tileSize } = vision.tower;
  const inputs = { pixels: { shape: [3, tileSize, tileSize], dtype: 'float32' } } as const;
  return trace('vision', inputs, ({ pixels }) => {
    const features = tower(pixels, towerPlaces(vision), vision.tower);
    const cells = mergePatches(features, vision.tower);
    return { rows: project(cells, projectorPlaces(vision, decoder)) };
  });
}

/** Separators pass through the projector like any cell: `cells` [cells, 4 · hidden] → `rows`. */
function projectGraph(vision: VisionConfig, decoder: DecoderConfig): Graph {
  const shape = ['cells', 4 * vision.tower.hiddenSize];
  return trace('project', { cells: { shape, dtype: 'float32' } }, ({ cells }) => ({
    rows: project(cells, projectorPlaces(vision, decoder)),
  }));
}

/** Four neighbouring patches become one cell: top left, top right, bottom left, bottom right. */
function mergePatches(patches: Tensor, { tileSize, patchSize, hiddenSize }: TowerConfig): Tensor {
  const side = tileSize / patchSize / 2;
  const grid = reshape(patches, [side, 2, side, 2, hiddenSize]);
  return reshape(transpose(grid, [0, 2, 1, 3, 4]), [side * side, 4 * hiddenSize]);
}

function project(cells: Tensor, { first, second }: ProjectorWeights): Tensor {
  return inScope(cells, 'projector', () => {
    const mixed = activate(linear(cells, first.weight, first.bias), 'gelu');
    return linear(mixed, second.weight, second.bias);
  });
}

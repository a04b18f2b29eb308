/** Places of the parameters, as the graphs name and shape them. */
import type { Weight } from '../../graph/graph.ts';
import type { Affine, TowerLayerWeights, TowerWeights } from '../clip/tower.ts';
import type { AdaptedLinear, Lora } from '../internlm2/adapted-linear.ts';
import type { DecoderConfig, DecoderLayerWeights, DecoderWeights } from '../internlm2/decoder.ts';
import type { TensorShapes, VisionConfig, XComposerConfig } from './config.ts';
import { adaptedLinears, type LoraName } from './weight-map.ts';

export interface ProjectorWeights {
  readonly first: Affine;
  readonly second: Affine;
}

/** Further low-rank additions to a linear such as `layers.3.mlp.gate` [out, width]. */
export type MoreLoras = (linear: string, out: number, width: number) => readonly Lora[];

/**
 * The decoder's parameters with the given low-rank additions on each adapted linear. Partial LoRA acts on
 * pictures, whose rows are not looked up.
 */
export function decoderPlaces(
  config: XComposerConfig,
  shapes: TensorShapes,
  loras: readonly LoraName[],
  more: MoreLoras = () => [],
): DecoderWeights {
  const { hiddenSize, layers, vocabularySize } = config.decoder;
  const held = loras.filter((lora) => isHeld(lora, layers, shapes));
  return {
    ...(!loras.includes('image') && { embeddings: place('embed', vocabularySize, hiddenSize) }),
    layers: Array.from({ length: layers }, (_, layer) =>
      decoderLayerPlaces(layer, config, shapes, held, more),
    ),
    norm: place('norm', hiddenSize),
    head: place('head', vocabularySize, hiddenSize),
  };
}

/** What one linear of one layer has, all should have: what is missing is found where it is described. */
function isHeld(lora: LoraName, layers: number, shapes: TensorShapes): boolean {
  const roots = Object.values(adaptedLinears).flatMap(([name]) =>
    Array.from({ length: layers }, (_, layer) => `layers.${layer}.${name}.${lora}`),
  );
  return roots.some((root) => shapes.has(`${root}.down`));
}

/** One decoder for tokens of several adapters: what each adds acts on its own tokens alone. */
export function mixedPlaces(decoders: ReadonlyMap<string, DecoderWeights>): DecoderWeights {
  const first = [...decoders.values()][0]!;
  const layers = first.layers.map((layer, index) => {
    const mixed = (part: AdaptedPart): AdaptedLinear => ({
      ...layer[part],
      loras: [...decoders].flatMap(([adapter, { layers }]) =>
        layers[index]![part].loras.map((lora) => ({ ...lora, adapter })),
      ),
    });
    const parts = adaptedParts.map((part) => [part, mixed(part)] as const);
    return { ...layer, ...Object.fromEntries(parts) };
  });
  return { ...first, layers, adapters: [...decoders.keys()] };
}

const adaptedParts = ['qkv', 'attentionOut', 'gate', 'up', 'down'] as const;
type AdaptedPart = (typeof adaptedParts)[number];

export function towerPlaces({ tower, mlpSize }: VisionConfig): TowerWeights {
  const { hiddenSize, patchSize, tileSize, layers } = tower;
  const patches = (tileSize / patchSize) ** 2;
  return {
    patches: place('tower.patches', hiddenSize, 3, patchSize, patchSize),
    classToken: place('tower.classToken', 1, hiddenSize),
    positions: place('tower.positions', 1 + patches, hiddenSize),
    preNorm: affinePlace('tower.preNorm', hiddenSize),
    layers: Array.from({ length: layers }, (_, layer) =>
      towerLayerPlaces(`tower.${layer}`, hiddenSize, mlpSize),
    ),
  };
}

/** Cells come in, rows as wide as the decoder go out. */
export function projectorPlaces(
  { tower, projectorSize }: VisionConfig,
  decoder: DecoderConfig,
): ProjectorWeights {
  return {
    first: affinePlace('projector.0', projectorSize, 4 * tower.hiddenSize),
    second: affinePlace('projector.1', decoder.hiddenSize, projectorSize),
  };
}

function decoderLayerPlaces(
  layer: number,
  { decoder, mlpSize, imageLoraFactor, attentionBias }: XComposerConfig,
  shapes: TensorShapes,
  loras: readonly LoraName[],
  more: MoreLoras,
): DecoderLayerWeights {
  const { hiddenSize, heads, kvHeads, headDim } = decoder;
  const root = `layers.${layer}`;
  const adapted = (name: string, out: number, width: number): AdaptedLinear => ({
    weight: place(`${root}.${name}`, out, width),
    ...(attentionBias &&
      name.startsWith('attention.') && { bias: place(`${root}.${name}.bias`, out) }),
    loras: [
      ...loras.map((lora) => loraPlace(`${root}.${name}.${lora}`, out, width, lora)),
      ...more(`${root}.${name}`, out, width),
    ],
  });
  const loraPlace = (name: string, out: number, width: number, lora: LoraName): Lora => {
    const rank = shapes.describe(`${name}.down`).shape[0]!;
    return {
      down: place(`${name}.down`, rank, width),
      up: place(`${name}.up`, out, rank),
      factor: lora === 'image' ? imageLoraFactor : 1, // task adapters are not scaled (MODEL §1.3)
    };
  };
  return {
    attentionNorm: place(`${root}.attention.norm`, hiddenSize),
    qkv: adapted('attention.qkv', (heads + 2 * kvHeads) * headDim, hiddenSize),
    attentionOut: adapted('attention.out', hiddenSize, heads * headDim),
    mlpNorm: place(`${root}.mlp.norm`, hiddenSize),
    gate: adapted('mlp.gate', mlpSize, hiddenSize),
    up: adapted('mlp.up', mlpSize, hiddenSize),
    down: adapted('mlp.down', hiddenSize, mlpSize),
  };
}

function towerLayerPlaces(root: string, hidden: number, mlp: number): TowerLayerWeights {
  return {
    attentionNorm: affinePlace(`${root}.attentionNorm`, hidden),
    query: affinePlace(`${root}.query`, hidden, hidden),
    key: affinePlace(`${root}.key`, hidden, hidden),
    value: affinePlace(`${root}.value`, hidden, hidden),
    attentionOut: affinePlace(`${root}.attentionOut`, hidden, hidden),
    mlpNorm: affinePlace(`${root}.mlpNorm`, hidden),
    up: affinePlace(`${root}.up`, mlp, hidden),
    down: affinePlace(`${root}.down`, hidden, mlp),
  };
}

function affinePlace(name: string, out: number, ...rest: number[]): Affine {
  return { weight: place(name, out, ...rest), bias: place(`${name}.bias`, out) };
}

function place(name: string, ...shape: number[]): Weight {
  return { name, shape };
}

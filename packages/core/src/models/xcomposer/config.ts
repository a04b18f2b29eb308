/** Sizes of an InternLM-XComposer checkpoint, read from its config.json and its tensors' shapes. */

import type { TowerConfig } from '../clip/tower.ts';
import type { DecoderConfig } from '../internlm2/decoder.ts';
import type { RotaryConfig, RotaryScaling } from '../internlm2/rotary.ts';
import { decoderLayerName, names, towerLayerName } from './checkpoint-names.ts';
import { ConfigError, type ConfigFields, field, optionalField } from './config-fields.ts';

/** What a checkpoint's files say of its tensors; nothing is read. */
export interface TensorShapes {
  has(name: string): boolean;
  describe(name: string): { readonly shape: readonly number[] };
}

/** The published modes: plain chat, web pages, articles. */
export type AdapterName = 'base' | 'web' | 'write';

export interface XComposerConfig {
  readonly decoder: DecoderConfig;
  readonly rotary: RotaryConfig;
  /** Width of the MLP between gate and down projection. */
  readonly mlpSize: number;
  /** Absent from checkpoints that read only text, such as InternLM2 itself. */
  readonly vision?: VisionConfig;
  /** Factor of the partial LoRA on image tokens, alpha / rank. */
  readonly imageLoraFactor: number;
  /** Adapters whose tensors the checkpoint holds; `base` is always there. */
  readonly adapters: readonly AdapterName[];
}

export interface VisionConfig {
  readonly tower: TowerConfig;
  readonly mlpSize: number;
  readonly projectorSize: number;
}

/**
 * @throws ConfigError naming the field, what it holds and what it should.
 */
export function readConfig(json: unknown, tensors: TensorShapes): XComposerConfig {
  const fields = requireObject(json);
  const decoder = readDecoder(fields, tensors);
  return {
    decoder,
    rotary: readRotary(fields, decoder.headDim),
    mlpSize: tensors.describe(decoderLayerName(0, 'feed_forward.w1')).shape[0]!,
    ...(tensors.has(names.patches) && { vision: readVision(fields, tensors) }),
    imageLoraFactor: readImageLoraFactor(fields, tensors),
    adapters: readAdapters(tensors),
  };
}

function readVision(fields: ConfigFields, tensors: TensorShapes): VisionConfig {
  return {
    tower: readTower(fields, tensors),
    mlpSize: tensors.describe(towerLayerName(0, 'mlp.fc1.weight')).shape[0]!,
    projectorSize: tensors.describe(names.projector[0]).shape[0]!,
  };
}

function readDecoder(fields: ConfigFields, tensors: TensorShapes): DecoderConfig {
  const [vocabularySize, hiddenSize] = tensors.describe(names.embeddings).shape as [number, number];
  const heads = field(fields, 'num_attention_heads', 'number');
  return {
    vocabularySize,
    hiddenSize,
    heads,
    layers: countLayers(tensors, (layer) => decoderLayerName(layer, 'attention_norm')),
    kvHeads: optionalField(fields, 'num_key_value_heads', 'number') ?? heads,
    headDim: hiddenSize / heads,
    // The published class defaults to 1e-6; InternLM2's own configurations say 1e-5 (MODEL §1.1).
    normEpsilon: optionalField(fields, 'rms_norm_eps', 'number') ?? 1e-6,
  };
}

function readRotary(fields: ConfigFields, headDim: number): RotaryConfig {
  const theta = optionalField(fields, 'rope_theta', 'number') ?? 10_000; // class default, MODEL §1.1
  return { headDim, theta, scaling: readScaling(fields) };
}

function readScaling(fields: ConfigFields): RotaryScaling {
  const scaling = optionalField(fields, 'rope_scaling', 'object');
  if (!scaling) return { kind: 'none' };
  const kind = field(scaling, 'type', 'string');
  const factor = field(scaling, 'factor', 'number');
  if ((kind !== 'linear' && kind !== 'dynamic') || factor < 1) {
    throw new ConfigError(
      `rope_scaling is ${JSON.stringify(scaling)}: its type must be linear or dynamic and its factor at least 1`,
    );
  }
  if (kind === 'linear') return { kind, factor };
  return { kind, factor, trainedLength: field(fields, 'max_position_embeddings', 'number') };
}

function readTower(fields: ConfigFields, tensors: TensorShapes): TowerConfig {
  const vision = optionalField(fields, 'vision_config', 'object') ?? {};
  const [hiddenSize, , patchSize] = tensors.describe(names.patches).shape as number[];
  const positions = tensors.describe(names.positions).shape[0]!;
  return {
    patchSize: patchSize!,
    hiddenSize: hiddenSize!,
    tileSize: Math.sqrt(positions - 1) * patchSize!,
    layers: countLayers(tensors, (layer) => towerLayerName(layer, 'layer_norm1.weight')),
    // Every published CLIP ViT has heads of 64 features (Radford et al. 2021, table 19).
    heads: optionalField(vision, 'num_attention_heads', 'number') ?? hiddenSize! / 64,
    normEpsilon: optionalField(vision, 'layer_norm_eps', 'number') ?? 1e-5, // CLIP's, MODEL §1.2
  };
}

/** Alpha is not in the tensors: 1 for 2.5; 4KHD, known by its rank of 8, doubles it (ZOO §2). */
function readImageLoraFactor(fields: ConfigFields, tensors: TensorShapes): number {
  const down = decoderLayerName(0, 'attention.wqkv', 'Plora_A');
  if (!tensors.has(down)) return 1;
  const rank = tensors.describe(down).shape[0]!;
  const alpha = optionalField(fields, 'plora_alpha', 'number');
  if (alpha !== undefined) return alpha / rank;
  return rank === 8 ? 2 : 1;
}

function readAdapters(tensors: TensorShapes): AdapterName[] {
  const holds = (lora: string) => tensors.has(decoderLayerName(0, 'attention.wqkv', `${lora}_A`));
  return [
    'base',
    ...(holds('lora_web') ? (['web'] as const) : []),
    ...(holds('lora_sft') || holds('lora_dpo') ? (['write'] as const) : []),
  ];
}

function countLayers(tensors: TensorShapes, nameOf: (layer: number) => string): number {
  let layers = 0;
  while (tensors.has(nameOf(layers))) layers++;
  return layers;
}

function requireObject(json: unknown): ConfigFields {
  if (typeof json === 'object' && json !== null) return json as ConfigFields;
  throw new ConfigError('config.json must hold an object');
}

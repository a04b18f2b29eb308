/** Sizes of an InternLM-XComposer checkpoint, read from its config.json and its tensors' shapes. */

import type { TowerConfig } from '../clip/tower.ts';
import type { DecoderConfig } from '../internlm2/decoder.ts';
import type { RotaryConfig, RotaryScaling } from '../internlm2/rotary.ts';
import {
  attentionBiasName,
  decoderLayerName,
  decoderLayers,
  names,
  towerLayerName,
  towerLayers,
} from './checkpoint-names.ts';
import {
  ConfigError,
  type ConfigFields,
  field,
  optionalField,
  requireDivisor,
  requireEqual,
  requirePositive,
} from './config-fields.ts';
import { holdsLora, type LoraName } from './weight-map.ts';

/** Shapes of tensors by name; nothing is read. */
export interface TensorShapes {
  has(name: string): boolean;
  describe(name: string): { readonly shape: readonly number[] };
}

/** What a checkpoint's files say of its tensors. */
export interface NamedTensors extends TensorShapes {
  readonly names: Iterable<string>;
}

/** The published modes: plain chat, web pages, articles. */
export type AdapterName = 'base' | 'web' | 'write';

/** One of those, or the name that a user gave to an adapter of his own. */
export type AnyAdapterName = AdapterName | (string & Record<never, never>);

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
  /** Whether the two linears of attention have a bias; the published checkpoints have none. */
  readonly attentionBias: boolean;
}

export interface VisionConfig {
  readonly tower: TowerConfig;
  readonly mlpSize: number;
  readonly projectorSize: number;
}

/**
 * Sizes come from the tensors; what config.json says of them must agree.
 *
 * @throws ConfigError naming the field, what it holds and what it should; MissingWeightError when
 * the tensors are not those of this family.
 */
export function readConfig(json: unknown, tensors: NamedTensors): XComposerConfig {
  const fields = requireObject(json);
  const decoder = readDecoder(fields, tensors);
  const mlpSize = tensors.describe(decoderLayerName(0, 'feed_forward.w1')).shape[0]!;
  requireEqual(fields, 'intermediate_size', mlpSize);
  requireEqual(fields, 'hidden_act', 'silu');
  return {
    decoder,
    rotary: readRotary(fields, decoder.headDim),
    mlpSize,
    ...(tensors.has(names.patches) && { vision: readVision(fields, tensors) }),
    imageLoraFactor: readImageLoraFactor(fields, tensors),
    adapters: readAdapters(decoder.layers, tensors),
    attentionBias: readAttentionBias(fields, tensors),
  };
}

function readVision(fields: ConfigFields, tensors: NamedTensors): VisionConfig {
  return {
    tower: readTower(optionalField(fields, 'vision_config', 'object') ?? {}, tensors),
    mlpSize: tensors.describe(towerLayerName(0, 'mlp.fc1.weight')).shape[0]!,
    projectorSize: tensors.describe(names.projector[0]).shape[0]!,
  };
}

function readDecoder(fields: ConfigFields, tensors: NamedTensors): DecoderConfig {
  const [vocabularySize, hiddenSize] = tensors.describe(names.embeddings).shape as [number, number];
  requireEqual(fields, 'vocab_size', vocabularySize);
  requireEqual(fields, 'hidden_size', hiddenSize);
  const heads = field(fields, 'num_attention_heads', 'number');
  requireDivisor('num_attention_heads', heads, hiddenSize, 'features');
  const kvHeads = optionalField(fields, 'num_key_value_heads', 'number') ?? heads;
  requireDivisor('num_key_value_heads', kvHeads, heads, 'query heads');
  return {
    vocabularySize,
    hiddenSize,
    heads,
    kvHeads,
    layers: readLayers(fields, tensors, decoderLayers),
    headDim: hiddenSize / heads,
    normEpsilon: readEpsilon(fields),
  };
}

function readEpsilon(fields: ConfigFields): number {
  // The published class defaults to 1e-6; InternLM2's own configurations say 1e-5 (MODEL §1.1).
  const epsilon = optionalField(fields, 'rms_norm_eps', 'number') ?? 1e-6;
  return requirePositive('rms_norm_eps', epsilon);
}

function readRotary(fields: ConfigFields, headDim: number): RotaryConfig {
  const theta = optionalField(fields, 'rope_theta', 'number') ?? 10_000; // class default, MODEL §1.1
  return {
    headDim,
    theta: requirePositive('rope_theta', theta),
    scaling: readScaling(fields),
  };
}

function readScaling(fields: ConfigFields): RotaryScaling {
  const scaling = optionalField(fields, 'rope_scaling', 'object');
  if (!scaling) return { kind: 'none' };
  const { type: kind, factor } = scaling;
  const isKnown = kind === 'linear' || kind === 'dynamic';
  if (!isKnown || typeof factor !== 'number' || !(factor >= 1)) {
    throw new ConfigError(
      `config.json holds rope_scaling: ${JSON.stringify(scaling)}: its type must be linear or dynamic and its factor at least 1`,
    );
  }
  if (kind === 'linear') return { kind, factor };
  const trainedLength = field(fields, 'max_position_embeddings', 'number');
  return { kind, factor, trainedLength: requirePositive('max_position_embeddings', trainedLength) };
}

function readTower(fields: ConfigFields, tensors: NamedTensors): TowerConfig {
  const [hiddenSize, , patchSize] = tensors.describe(names.patches).shape as number[];
  // Every published CLIP ViT has heads of 64 features (Radford et al. 2021, table 19).
  const heads = optionalField(fields, 'num_attention_heads', 'number') ?? hiddenSize! / 64;
  requireDivisor('vision_config.num_attention_heads', heads, hiddenSize!, 'features');
  const epsilon = optionalField(fields, 'layer_norm_eps', 'number') ?? 1e-5; // CLIP's, MODEL §1.2
  return {
    patchSize: patchSize!,
    hiddenSize: hiddenSize!,
    heads,
    tileSize: patchesAcross(tensors) * patchSize!,
    layers: readLayers(fields, tensors, towerLayers),
    normEpsilon: requirePositive('vision_config.layer_norm_eps', epsilon),
  };
}

/** Tiles are square, and two by two patches become one row of the decoder. */
function patchesAcross(tensors: TensorShapes): number {
  const positions = tensors.describe(names.positions).shape[0]!;
  const across = Math.sqrt(positions - 1);
  if (across > 0 && across % 2 === 0) return across;
  throw new ConfigError(
    `${names.positions} holds ${positions} positions: it should be one more than the square of an even number`,
  );
}

/** As many as the tensors number; a gap among them is a missing weight, found when they are bound. */
function readLayers(fields: ConfigFields, { names }: NamedTensors, pattern: RegExp): number {
  const numbers = Array.from(names, (name) => Number(pattern.exec(name)?.[1] ?? -1));
  const layers = 1 + numbers.reduce((highest, number) => Math.max(highest, number), -1);
  requireEqual(fields, 'num_hidden_layers', layers);
  return layers;
}

function readAttentionBias(fields: ConfigFields, tensors: TensorShapes): boolean {
  const isThere = tensors.has(attentionBiasName(0, 'attention.wqkv'));
  const said = optionalField(fields, 'bias', 'boolean') ?? isThere;
  if (said || !isThere) return said;
  throw new ConfigError('config.json holds bias: false, but the checkpoint has attention biases');
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

function readAdapters(layers: number, tensors: TensorShapes): AdapterName[] {
  const holds = (lora: LoraName) => holdsLora(lora, layers, tensors);
  return [
    'base',
    ...(holds('web') ? (['web'] as const) : []),
    ...(holds('sft') || holds('dpo') ? (['write'] as const) : []),
  ];
}

function requireObject(json: unknown): ConfigFields {
  if (typeof json === 'object' && json !== null) return json as ConfigFields;
  throw new ConfigError('config.json must hold an object');
}

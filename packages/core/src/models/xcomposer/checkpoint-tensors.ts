/** The tensors of a checkpoint by its sizes: for checkpoints made up, as reading a config is for real ones. */
import { decoderLayerName, names, towerLayerName } from './checkpoint-names.ts';

export interface CheckpointSizes {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly mlpSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  /** Ranks of the low-rank additions by the checkpoint's names, `Plora`, `lora_web`, … Default: none. */
  readonly loraRanks?: Readonly<Record<string, number>>;
  /** Default: a decoder that reads only text. */
  readonly vision?: VisionSizes;
}

export interface VisionSizes {
  readonly hiddenSize: number;
  readonly mlpSize: number;
  readonly layers: number;
  readonly heads: number;
  /** Of a tile, in pixels. */
  readonly tileSize: number;
  readonly patchSize: number;
}

/** Shapes by name (spec MODEL §2). */
export function checkpointTensors(sizes: CheckpointSizes): ReadonlyMap<string, readonly number[]> {
  const { vocabularySize, hiddenSize, layers, vision } = sizes;
  return new Map<string, readonly number[]>([
    [names.embeddings, [vocabularySize, hiddenSize]],
    ...Array.from({ length: layers }, (_, layer) => decoderLayerTensors(layer, sizes)).flat(),
    [names.norm, [hiddenSize]],
    [names.head, [vocabularySize, hiddenSize]],
    ...(vision ? visionTensors(vision, hiddenSize) : []),
  ]);
}

type Entry = readonly [name: string, shape: readonly number[]];

function decoderLayerTensors(layer: number, sizes: CheckpointSizes): Entry[] {
  const { hiddenSize, mlpSize, heads, kvHeads, loraRanks = {} } = sizes;
  const qkv = ((heads + 2 * kvHeads) * hiddenSize) / heads;
  const linears: readonly (readonly [string, number, number])[] = [
    ['attention.wqkv', qkv, hiddenSize],
    ['attention.wo', hiddenSize, hiddenSize],
    ['feed_forward.w1', mlpSize, hiddenSize],
    ['feed_forward.w3', mlpSize, hiddenSize],
    ['feed_forward.w2', hiddenSize, mlpSize],
  ];
  return [
    [decoderLayerName(layer, 'attention_norm'), [hiddenSize]],
    [decoderLayerName(layer, 'ffn_norm'), [hiddenSize]],
    ...linears.flatMap(([module, out, width]): Entry[] => [
      [decoderLayerName(layer, module), [out, width]],
      ...Object.entries(loraRanks).flatMap(([lora, rank]): Entry[] => [
        [decoderLayerName(layer, module, `${lora}_A`), [rank, width]],
        [decoderLayerName(layer, module, `${lora}_B`), [out, rank]],
      ]),
    ]),
  ];
}

function visionTensors(vision: VisionSizes, decoderSize: number): Entry[] {
  const { hiddenSize, layers, tileSize, patchSize } = vision;
  const cell = 4 * hiddenSize;
  return [
    [names.patches, [hiddenSize, 3, patchSize, patchSize]],
    [names.classToken, [hiddenSize]],
    [names.positions, [1 + (tileSize / patchSize) ** 2, hiddenSize]],
    ...affine(names.preNorm, [hiddenSize]),
    ...Array.from({ length: layers }, (_, layer) => towerLayerTensors(layer, vision)).flat(),
    [names.projector[0], [decoderSize, cell]],
    [names.projectorBias[0], [decoderSize]],
    [names.projector[1], [decoderSize, decoderSize]],
    [names.projectorBias[1], [decoderSize]],
    [names.rowSeparator, [1, 1, 1, cell]],
    [names.viewSeparator, [1, 1, cell]],
  ];
}

function towerLayerTensors(layer: number, { hiddenSize, mlpSize }: VisionSizes): Entry[] {
  const tensor = (name: string, ...shape: number[]) => affine(towerLayerName(layer, name), shape);
  return [
    ...tensor('layer_norm1', hiddenSize),
    ...['q_proj', 'k_proj', 'v_proj', 'out_proj'].flatMap((part) =>
      tensor(`self_attn.${part}`, hiddenSize, hiddenSize),
    ),
    ...tensor('layer_norm2', hiddenSize),
    ...tensor('mlp.fc1', mlpSize, hiddenSize),
    ...tensor('mlp.fc2', hiddenSize, mlpSize),
  ];
}

function affine(name: string, shape: readonly number[]): Entry[] {
  return [
    [`${name}.weight`, shape],
    [`${name}.bias`, [shape[0]!]],
  ];
}

/** A config.json for them, with the published constants of InternLM2 (spec MODEL §1.1). */
export function checkpointConfig(sizes: CheckpointSizes): Readonly<Record<string, unknown>> {
  const { vision } = sizes;
  return {
    architectures: ['InternLMXComposer2ForCausalLM'],
    model_type: 'internlm2',
    vocab_size: sizes.vocabularySize,
    hidden_size: sizes.hiddenSize,
    intermediate_size: sizes.mlpSize,
    num_hidden_layers: sizes.layers,
    num_attention_heads: sizes.heads,
    num_key_value_heads: sizes.kvHeads,
    hidden_act: 'silu',
    max_position_embeddings: 32768,
    rms_norm_eps: 1e-5,
    rope_theta: 1_000_000,
    bias: false,
    ...(vision && {
      vision_config: {
        hidden_size: vision.hiddenSize,
        intermediate_size: vision.mlpSize,
        num_hidden_layers: vision.layers,
        num_attention_heads: vision.heads,
        image_size: vision.tileSize,
        patch_size: vision.patchSize,
      },
    }),
  };
}

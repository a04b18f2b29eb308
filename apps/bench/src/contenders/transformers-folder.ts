/**
 * A folder that transformers.js opens: the decoder as ONNX with the inputs it expects, over the very
 * bytes of a converted checkpoint. Nothing is copied: weight files are links, hard ones, for ONNX Runtime follows no others out of a folder.
 */
import { existsSync, linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ModelWriter } from '@lingbi/backend-onnx/model-writer';
import {
  type BlockEncoding,
  type Checkpoint,
  type CheckpointSizes,
  convertedWeights,
  inverseFrequencies,
  openCheckpoint,
  partsOf,
  type WeightSource,
} from '@lingbi/core';
import { type SynthShape, synthShapes } from '@lingbi/hub';
import { cacheFolder } from './install.ts';

const WEIGHTS = 'model.onnx_data';
const EPSILON = 1e-5;
const THETA = 1e6;
/** Rows of the rotary tables: more than any bench reads through transformers.js. */
const POSITIONS = 4096;

export async function transformersFolder(
  shape: SynthShape,
  checkpointFolder: string,
): Promise<string> {
  const folder = cacheFolder('weights', `transformers-${basename(checkpointFolder)}`);
  if (existsSync(join(folder, 'onnx', 'model.onnx'))) return folder;
  mkdirSync(join(folder, 'onnx'), { recursive: true });
  await using checkpoint = await openCheckpoint(checkpointFolder);
  const sizes = synthShapes[shape];
  const weights = convertedWeights(checkpoint, checkpoint.manifest!);
  const links = linkNames(checkpoint);
  for (const [file, link] of links) {
    const path = join(folder, 'onnx', link);
    if (!existsSync(path)) linkSync(file, path);
  }
  writeFileSync(join(folder, 'config.json'), JSON.stringify(llamaConfig(sizes)));
  writeFileSync(join(folder, 'onnx', 'model.onnx'), decoderModel(sizes, weights, links));
  return folder;
}

/** How transformers.js looks for the files of weights: model.onnx_data, model.onnx_data_1, … */
function linkNames(checkpoint: Checkpoint): ReadonlyMap<string, string> {
  const files = new Set(checkpoint.names.map((name) => checkpoint.describe(name).at!.file));
  return new Map([...files].map((file, at) => [file, at === 0 ? WEIGHTS : `${WEIGHTS}_${at}`]));
}

function llamaConfig(sizes: CheckpointSizes): object {
  return {
    model_type: 'llama',
    architectures: ['LlamaForCausalLM'],
    hidden_size: sizes.hiddenSize,
    num_hidden_layers: sizes.layers,
    num_attention_heads: sizes.heads,
    num_key_value_heads: sizes.kvHeads,
    head_dim: sizes.hiddenSize / sizes.heads,
    intermediate_size: sizes.mlpSize,
    vocab_size: sizes.vocabularySize,
    max_position_embeddings: POSITIONS,
    bos_token_id: 1,
    // None that a greedy answer would meet: it is to go on.
    eos_token_id: sizes.vocabularySize - 1,
  };
}

function decoderModel(
  sizes: CheckpointSizes,
  weights: WeightSource,
  links: ReadonlyMap<string, string>,
): Uint8Array {
  const parts = new DecoderParts(sizes, weights, links);
  let x = parts.embed();
  for (let layer = 0; layer < sizes.layers; layer++) x = parts.layer(x, layer);
  return parts.finish(x);
}

/** Writes the parts of a decoder one after the other. transformers.js knows the first axis by its name. */
class DecoderParts {
  readonly #model = new ModelWriter();
  #count = 0;

  constructor(
    readonly sizes: CheckpointSizes,
    readonly weights: WeightSource,
    readonly links: ReadonlyMap<string, string>,
  ) {
    const model = this.#model;
    model.input('input_ids', 'int64', ['batch_size', 'tokens']);
    model.input('attention_mask', 'int64', ['batch_size', 'length']);
    const length = this.#add('ReduceSum', ['attention_mask', model.int64s(1)], { keepdims: 0 });
    const last = this.#add('Sub', [length, model.int64s(1)]);
    model.node('Cast', [last], ['lastPositions'], { to: 6 });
    const whole = this.#add('Gather', [this.#add('Shape', ['attention_mask']), model.int64(1)]);
    model.node('Cast', [whole], ['longest'], { to: 6 });
    this.#writeAngles();
  }

  embed(): string {
    const rows = this.#add('Gather', [this.#parameter('embed', 'values'), 'input_ids']);
    return this.#add('Cast', [rows], { to: 1 });
  }

  layer(x: string, layer: number): string {
    const name = (part: string) => `layers.${layer}.${part}`;
    const qkv = this.#linear(this.#norm(x, name('attention.norm')), name('attention.qkv'));
    const attended = this.#linear(this.#attention(qkv, layer), name('attention.out'));
    const middle = this.#add('Add', [x, attended]);
    const normed = this.#norm(middle, name('mlp.norm'));
    const gate = this.#linear(normed, name('mlp.gate'));
    const active = this.#add('QuickGelu', [gate], { alpha: { float: 1 } });
    const mixed = this.#add('Mul', [active, this.#linear(normed, name('mlp.up'))]);
    return this.#add('Add', [middle, this.#linear(mixed, name('mlp.down'))]);
  }

  finish(x: string): Uint8Array {
    const model = this.#model;
    // transformers.js looks at the last row only.
    const bounds = [[-1], [2 ** 31 - 1], [1]].map((each) => model.int64s(...each));
    const last = this.#add('Slice', [x, ...bounds]);
    const logits = this.#linear(this.#norm(last, 'norm'), 'head');
    model.node('Identity', [logits], ['logits']);
    model.output('logits', 'float32', ['batch_size', 1, this.sizes.vocabularySize]);
    return model.finish('decoder');
  }

  #attention(qkv: string, layer: number): string {
    const { heads, kvHeads, hiddenSize } = this.sizes;
    const shape = ['batch_size', kvHeads, 'past', hiddenSize / heads];
    const pasts = ['key', 'value'].map((part) => {
      this.#model.output(`present.${layer}.${part}`, 'float32', shape);
      return this.#model.input(`past_key_values.${layer}.${part}`, 'float32', shape);
    });
    const attended = `attended.${layer}`;
    this.#model.node(
      'GroupQueryAttention',
      [qkv, '', '', ...pasts, 'lastPositions', 'longest', 'cos', 'sin'],
      [attended, `present.${layer}.key`, `present.${layer}.value`],
      { num_heads: heads, kv_num_heads: kvHeads, do_rotary: 1 },
    );
    return attended;
  }

  #norm(x: string, weight: string): string {
    const options = { axis: -1, epsilon: { float: EPSILON } };
    const gain = this.#parameter(weight, 'values');
    return this.#add('SimplifiedLayerNormalization', [x, gain], options);
  }

  #linear(x: string, weight: string): string {
    const { shape, encoding } = this.weights.describe(weight);
    if (encoding.kind !== 'blocks') throw new Error(`${weight} is not encoded in blocks`);
    const scales = this.#parameter(weight, 'scales');
    const operands = [x, this.#parameter(weight, 'values'), this.#widened(scales, encoding)];
    if (encoding.zeroPoints) operands.push(this.#parameter(weight, 'zeroPoints'));
    return this.#add('MatMulNBits', operands, {
      K: shape[1]!,
      N: shape[0]!,
      bits: encoding.bits,
      block_size: encoding.blockSize,
      accuracy_level: 4,
    });
  }

  /** Rows in float32 ask for scales in float32; of what a file holds that is worked out once, on opening. */
  #widened(scales: string, encoding: BlockEncoding): string {
    return encoding.scales ? this.#add('Cast', [scales], { to: 1 }) : scales;
  }

  #parameter(weight: string, part: 'values' | 'scales' | 'zeroPoints'): string {
    const { shape, encoding, at } = this.weights.describe(weight);
    const { dtype, shape: stored } = partsOf(shape, encoding).get(part)!;
    const range = at![part]!;
    const place = { ...range, file: this.links.get(range.file)! };
    return this.#model.parameter(`${weight}.${part}`, dtype as 'float32', stored, place);
  }

  /** cos and sin [positions, headDim / 2], computed in the model: position · frequency. */
  #writeAngles(): void {
    const model = this.#model;
    const { hiddenSize, heads } = this.sizes;
    const frequencies = model.floats(
      [1, hiddenSize / heads / 2],
      inverseFrequencies(hiddenSize / heads, THETA),
    );
    const positions = model.floats(
      [POSITIONS, 1],
      Float32Array.from({ length: POSITIONS }, (_, at) => at),
    );
    const angles = this.#add('Mul', [positions, frequencies]);
    model.node('Cos', [angles], ['cos']);
    model.node('Sin', [angles], ['sin']);
  }

  #add(
    operator: string,
    inputs: readonly string[],
    attributes: Parameters<ModelWriter['node']>[3] = {},
  ): string {
    const result = `${operator}.${this.#count++}`;
    this.#model.node(operator, inputs, [result], attributes);
    return result;
  }
}

/**
 * Writes a GGUF file of random weights in a given shape, for llama.cpp to be measured on (the format:
 * github.com/ggml-org/ggml, docs/gguf.md).
 */
import { randomFillSync } from 'node:crypto';
import { closeSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import type { CheckpointSizes } from '@lingbi/core';
import type { PieceType, TokenizerModel } from '@lingbi/tokenizer';

/** How a matrix is stored: its number in the format, and the blocks it consists of. */
interface TensorType {
  readonly id: number;
  /** Weights in a block. */
  readonly block: number;
  /** Bytes of a block; it begins with its float16 scale. */
  readonly bytes: number;
}

const ggufEncodings: Readonly<Record<GgufEncoding, TensorType & { fileType: number }>> = {
  Q4_0: { id: 2, block: 32, bytes: 18, fileType: 2 },
  Q8_0: { id: 8, block: 32, bytes: 34, fileType: 7 },
};
export type GgufEncoding = 'Q4_0' | 'Q8_0';

const float32: TensorType = { id: 0, block: 1, bytes: 4 };

interface TensorInfo {
  readonly name: string;
  /** The fastest axis first. */
  readonly shape: readonly number[];
  readonly type: TensorType;
}

const VERSION = 3;
const ALIGNMENT = 32;
/** float16 0.002: weights that keep activations within range. */
const SCALE = 0x1819;

/** Written under another name first, so that a file of this name is whole. */
export function writeGguf(file: string, shape: CheckpointSizes, encoding: GgufEncoding): void {
  const tensors = listTensors(shape, ggufEncodings[encoding]);
  const descriptor = openSync(`${file}.part`, 'w');
  try {
    writeSync(descriptor, header(shape, ggufEncodings[encoding].fileType, tensors));
    for (const tensor of tensors) writeTensor(descriptor, tensor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(`${file}.part`, file);
}

/** A file of a vocabulary alone, for llama.cpp to tokenise with; what a model would need is of no meaning. */
export function writeGgufVocabulary(file: string, { pieces, normalizer }: TokenizerModel): void {
  const sizes = { hiddenSize: 64, mlpSize: 64, layers: 1, heads: 1, kvHeads: 1 };
  const shape = { ...sizes, vocabularySize: pieces.length };
  const vocabulary: Vocabulary = {
    addSpacePrefix: normalizer.addDummyPrefix,
    tokenOf: (id) => ({ ...pieces[id]!, type: tokenTypes[pieces[id]!.type] }),
  };
  writeFileSync(file, header(shape, 0, [], vocabulary));
}

interface Vocabulary {
  readonly addSpacePrefix: boolean;
  tokenOf(id: number): { readonly text: string; readonly score: number; readonly type: number };
}

/** llama.cpp's kinds of tokens. */
const tokenTypes: Readonly<Record<PieceType, number>> = {
  ...{ normal: 1, unknown: 2, control: 3, 'user-defined': 4, unused: 5, byte: 6 },
};

function listTensors(shape: CheckpointSizes, matrix: TensorType): TensorInfo[] {
  const { hiddenSize, mlpSize, vocabularySize, layers } = shape;
  const headDim = hiddenSize / shape.heads;
  const [queries, keys] = [hiddenSize, shape.kvHeads * headDim];
  const weight = (name: string, width: number, out: number): TensorInfo => ({
    name: `${name}.weight`,
    shape: [width, out],
    type: matrix,
  });
  const norm = (name: string): TensorInfo => ({
    name: `${name}.weight`,
    shape: [hiddenSize],
    type: float32,
  });
  const layer = (at: number): TensorInfo[] => [
    norm(`blk.${at}.attn_norm`),
    weight(`blk.${at}.attn_q`, hiddenSize, queries),
    weight(`blk.${at}.attn_k`, hiddenSize, keys),
    weight(`blk.${at}.attn_v`, hiddenSize, keys),
    weight(`blk.${at}.attn_output`, queries, hiddenSize),
    norm(`blk.${at}.ffn_norm`),
    weight(`blk.${at}.ffn_gate`, hiddenSize, mlpSize),
    weight(`blk.${at}.ffn_up`, hiddenSize, mlpSize),
    weight(`blk.${at}.ffn_down`, mlpSize, hiddenSize),
  ];
  return [
    weight('token_embd', hiddenSize, vocabularySize),
    ...Array.from({ length: layers }, (_, at) => layer(at)).flat(),
    norm('output_norm'),
    weight('output', hiddenSize, vocabularySize),
  ];
}

function header(
  shape: CheckpointSizes,
  fileType: number,
  tensors: readonly TensorInfo[],
  vocabulary = withoutMeaning,
): Uint8Array {
  const fields = metadata(shape, fileType, vocabulary);
  const out = new GgufBytes().raw(Buffer.from('GGUF')).uint32(VERSION);
  out.uint64(tensors.length).uint64(fields.length);
  for (const [key, write] of fields) write(out.text(key));
  let offset = 0;
  for (const { name, shape, type } of tensors) {
    out.text(name).uint32(shape.length);
    for (const length of shape) out.uint64(length);
    out.uint32(type.id).uint64(offset);
    offset += aligned(byteLength({ name, shape, type }));
  }
  const bytes = out.finish();
  return Buffer.concat([bytes, Buffer.alloc(aligned(bytes.length) - bytes.length)]);
}

type Field = readonly [key: string, write: (out: GgufBytes) => void];

function metadata(shape: CheckpointSizes, fileType: number, tokens: Vocabulary): Field[] {
  const { vocabularySize: vocabulary } = shape;
  const text = (key: string, value: string): Field => [key, (out) => out.uint32(8).text(value)];
  const count = (key: string, value: number): Field => [key, (out) => out.uint32(4).uint32(value)];
  const real = (key: string, value: number): Field => [key, (out) => out.uint32(6).float32(value)];
  const list = (key: string, type: number, item: (out: GgufBytes, id: number) => void): Field => [
    key,
    (out) => {
      out.uint32(9).uint32(type).uint64(vocabulary);
      for (let id = 0; id < vocabulary; id++) item(out, id);
    },
  ];
  return [
    text('general.architecture', 'llama'),
    text('general.name', 'random weights'),
    count('general.file_type', fileType),
    count('llama.context_length', 32768),
    count('llama.embedding_length', shape.hiddenSize),
    count('llama.block_count', shape.layers),
    count('llama.feed_forward_length', shape.mlpSize),
    count('llama.attention.head_count', shape.heads),
    count('llama.attention.head_count_kv', shape.kvHeads),
    real('llama.attention.layer_norm_rms_epsilon', 1e-5),
    real('llama.rope.freq_base', 1e6),
    count('llama.rope.dimension_count', shape.hiddenSize / shape.heads),
    count('llama.vocab_size', vocabulary),
    text('tokenizer.ggml.model', 'llama'),
    text('tokenizer.ggml.pre', 'default'),
    list('tokenizer.ggml.tokens', 8, (out, id) => out.text(tokens.tokenOf(id).text)),
    list('tokenizer.ggml.scores', 6, (out, id) => out.float32(tokens.tokenOf(id).score)),
    list('tokenizer.ggml.token_type', 5, (out, id) => out.uint32(tokens.tokenOf(id).type)),
    ['tokenizer.ggml.add_space_prefix', (out) => out.uint32(7).byte(Number(tokens.addSpacePrefix))],
    count('tokenizer.ggml.bos_token_id', 1),
    count('tokenizer.ggml.eos_token_id', 2),
    count('tokenizer.ggml.unknown_token_id', 0),
  ];
}

/** Three control tokens, a token for each byte, and texts without a meaning. */
const withoutMeaning: Vocabulary = {
  addSpacePrefix: true,
  tokenOf: (id) => ({ text: tokenText(id), score: -id, type: tokenTypes[tokenType(id)] }),
};

function tokenText(id: number): string {
  if (id < 3) return ['<unk>', '<s>', '</s>'][id]!;
  if (id < 259) return `<0x${(id - 3).toString(16).toUpperCase().padStart(2, '0')}>`;
  return `t${id}`;
}

function tokenType(id: number): PieceType {
  if (id < 3) return id === 0 ? 'unknown' : 'control';
  return id < 259 ? 'byte' : 'normal';
}

function writeTensor(descriptor: number, tensor: TensorInfo): void {
  const bytes = byteLength(tensor);
  if (tensor.type === float32) {
    const ones = new Float32Array(bytes / 4).fill(1);
    writeSync(descriptor, new Uint8Array(ones.buffer));
  } else {
    const blocks = randomBlocks(tensor.type);
    for (let left = bytes; left > 0; left -= blocks.length) {
      writeSync(descriptor, blocks, 0, Math.min(left, blocks.length));
    }
  }
  writeSync(descriptor, new Uint8Array(aligned(bytes) - bytes));
}

/** Some megabytes of blocks; a large tensor repeats them, which no kernel can make use of. */
function randomBlocks({ bytes }: TensorType): Buffer {
  const blocks = randomFillSync(Buffer.alloc(bytes << 17));
  for (let at = 0; at < blocks.length; at += bytes) blocks.writeUInt16LE(SCALE, at);
  return blocks;
}

function byteLength({ shape, type }: TensorInfo): number {
  return (shape.reduce((all, length) => all * length, 1) / type.block) * type.bytes;
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** Little-endian values one after the other. */
class GgufBytes {
  readonly #parts: Uint8Array[] = [];

  raw(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    return this;
  }

  byte(value: number): this {
    return this.raw(Uint8Array.of(value));
  }

  uint32(value: number): this {
    return this.raw(new Uint8Array(Uint32Array.of(value).buffer));
  }

  uint64(value: number): this {
    return this.raw(new Uint8Array(BigUint64Array.of(BigInt(value)).buffer));
  }

  float32(value: number): this {
    return this.raw(new Uint8Array(Float32Array.of(value).buffer));
  }

  text(value: string): this {
    const bytes = Buffer.from(value);
    return this.uint64(bytes.length).raw(bytes);
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

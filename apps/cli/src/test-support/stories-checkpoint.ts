/**
 * Karpathy's stories260K, a real LLaMA of 260,000 parameters, repacked as an InternLM2 checkpoint:
 * the same numbers under other names and in another order.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeSafetensors } from '@lingbi/core';
import { type Piece, type TokenizerModel, writeModel } from '@lingbi/tokenizer';

/** Sizes as the file's header gives them, seven int32. */
interface Sizes {
  readonly hidden: number;
  readonly mlp: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly vocabulary: number;
}

interface Matrix {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Writes config.json, tokenizer.model and model.safetensors into `folder`. */
export async function writeStoriesCheckpoint(fixture: string, folder: string): Promise<void> {
  const weights = await readFile(join(fixture, 'stories260K.bin'));
  const sizes = readSizes(weights);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify(configOf(sizes), null, 2));
  const vocabulary = readVocabulary(await readFile(join(fixture, 'tok512.bin')));
  await writeFile(join(folder, 'tokenizer.model'), writeModel(vocabulary));
  const tensors = Object.entries(tensorsOf(weights, sizes));
  await writeSafetensors(
    join(folder, 'model.safetensors'),
    tensors.map(([name, { shape, data }]) => ({
      name,
      shape,
      dtype: 'float32',
      bytes: () => bytesOf(data),
    })),
  );
}

function readSizes(file: Buffer): Sizes {
  const [hidden, mlp, layers, heads, kvHeads, vocabulary] = Array.from({ length: 6 }, (_, index) =>
    file.readInt32LE(4 * index),
  ) as [number, number, number, number, number, number];
  return { hidden, mlp, layers, heads, kvHeads, vocabulary };
}

function configOf({ heads, kvHeads }: Sizes): object {
  return {
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    rms_norm_eps: 1e-5,
    rope_theta: 10_000,
  };
}

/** The file holds each kind of tensor for all layers in a row. */
function tensorsOf(file: Buffer, sizes: Sizes): Record<string, Matrix> {
  const { hidden, mlp, layers, heads, kvHeads, vocabulary } = sizes;
  const headDim = hidden / heads;
  const take = sequentialReader(file, 7 * 4);
  const each = (...shape: number[]) => Array.from({ length: layers }, () => take(...shape));
  const embeddings = take(vocabulary, hidden);
  const attentionNorm = each(hidden);
  const query = each(hidden, hidden).map((matrix) => halvesOf(matrix, headDim));
  const key = each(kvHeads * headDim, hidden).map((matrix) => halvesOf(matrix, headDim));
  const value = each(kvHeads * headDim, hidden);
  const attentionOut = each(hidden, hidden);
  const mlpNorm = each(hidden);
  const [gate, down, up] = [each(mlp, hidden), each(hidden, mlp), each(mlp, hidden)];
  const tensors: Record<string, Matrix> = {
    'model.tok_embeddings.weight': embeddings,
    'model.norm.weight': take(hidden),
    'output.weight': embeddings,
  };
  for (let layer = 0; layer < layers; layer++) {
    const add = (name: string, matrices: readonly Matrix[]) => {
      tensors[`model.layers.${layer}.${name}.weight`] = matrices[layer]!;
    };
    const packed = packHeads(query[layer]!, key[layer]!, value[layer]!, sizes);
    tensors[`model.layers.${layer}.attention.wqkv.weight`] = packed;
    add('attention_norm', attentionNorm);
    add('attention.wo', attentionOut);
    add('ffn_norm', mlpNorm);
    add('feed_forward.w1', gate);
    add('feed_forward.w2', down);
    add('feed_forward.w3', up);
  }
  return tensors;
}

function sequentialReader(file: Buffer, start: number): (...shape: number[]) => Matrix {
  let at = start;
  return (...shape) => {
    const length = shape.reduce((all, dim) => all * dim, 1);
    const data = Float32Array.from({ length }, (_, index) => file.readFloatLE(at + 4 * index));
    at += 4 * length;
    return { shape, data };
  };
}

/** LLaMA's own file rotates neighbours; we rotate halves: even rows of each head come first. */
function halvesOf({ shape, data }: Matrix, headDim: number): Matrix {
  const width = shape[1]!;
  const order = Array.from({ length: shape[0]! }, (_, row) => {
    const [head, place] = [Math.floor(row / headDim), row % headDim];
    const half = headDim / 2;
    return head * headDim + (place < half ? 2 * place : 2 * (place - half) + 1);
  });
  return {
    shape,
    data: joinRows(order.map((row) => data.subarray(row * width, (row + 1) * width))),
  };
}

/** Group by group: the query heads that share a key head, that key head, its value head. */
function packHeads(query: Matrix, key: Matrix, value: Matrix, sizes: Sizes): Matrix {
  const { hidden, heads, kvHeads } = sizes;
  const headSize = (hidden / heads) * hidden;
  const shared = heads / kvHeads;
  const part = ({ data }: Matrix, from: number, count: number) =>
    data.subarray(from * headSize, (from + count) * headSize);
  const groups = Array.from({ length: kvHeads }, (_, group) => [
    part(query, group * shared, shared),
    part(key, group, 1),
    part(value, group, 1),
  ]);
  const data = joinRows(groups.flat());
  return { shape: [data.length / hidden, hidden], data };
}

function joinRows(rows: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(rows.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const row of rows) {
    joined.set(row, at);
    at += row.length;
  }
  return joined;
}

/** An int32, then for each piece a float32 score, an int32 length and that many bytes. */
function readVocabulary(file: Buffer): TokenizerModel {
  const pieces: Piece[] = [];
  for (let at = 4; at < file.length; ) {
    const length = file.readInt32LE(at + 4);
    const text = file.toString('utf8', at + 8, at + 8 + length);
    pieces.push({ ...pieceOf(text, pieces.length), score: file.readFloatLE(at) });
    at += 8 + length;
  }
  const normalizer = {
    addDummyPrefix: true,
    removeExtraWhitespaces: false,
    escapeWhitespaces: true,
  };
  return { pieces, normalizer, beginId: 1, endId: 2 };
}

function pieceOf(text: string, id: number): Pick<Piece, 'text' | 'type'> {
  if (id === 0) return { text: '<unk>', type: 'unknown' };
  if (id <= 2) return { text: text.trim(), type: 'control' };
  if (id < 259) return { text, type: 'byte' };
  return { text: text.replaceAll(' ', '▁'), type: 'normal' };
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { onnx } from '@lingbi/backend-onnx';
import {
  type CheckpointSizes,
  compileXComposer,
  type KvFormat,
  openCheckpoint,
  type Prompt,
  type PromptChunk,
  type TiledImage,
  type XComposer,
} from '@lingbi/core';
import { synthCheckpoint } from '@lingbi/hub';

const TILE = 560;

interface BenchModel {
  readonly layers: number;
  readonly vision: boolean;
  readonly kv?: KvFormat;
  /** Integers are in blocks of 128. Default: 4 bits. */
  readonly weights?: 'int4' | 'int8' | 'f32';
}

/** Random weights of InternLM2-1.8B: all of it, or some of its layers and as much of the rest. */
export async function withBenchModel<T>(
  { layers, vision, kv = 'float32', weights = 'int4' }: BenchModel,
  use: (model: XComposer) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'lingbi-bench-'));
  try {
    const out = join(folder, 'model');
    const shape = { ...decoderSizes(layers), ...(vision && { vision: shallowTower }) };
    const encoding = weights === 'f32' ? { weights } : { weights, block: 128 as const };
    await synthCheckpoint(out, { shape, ...encoding, ...(vision && f32) });
    const config = JSON.parse(await readFile(join(out, 'config.json'), 'utf8'));
    const checkpoint = await openCheckpoint(out);
    await using model = await compileXComposer({ backend: onnx(), checkpoint, config, kv });
    return await use(model);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const f32 = { vision: 'f32' } as const;

/** The head shrinks with the layers, so that it keeps its share of a step. */
function decoderSizes(layers: number): CheckpointSizes {
  const vocabularySize = Math.round((92544 * layers) / 24 / 128) * 128;
  return { vocabularySize, hiddenSize: 2048, mlpSize: 8192, layers, heads: 16, kvHeads: 8 };
}

/** ViT-L/14 with 2 of its 24 layers: the first turn looks twelve times cheaper than it is. */
const shallowTower = {
  ...{ hiddenSize: 1024, mlpSize: 4096, layers: 2, heads: 16 },
  ...{ tileSize: TILE, patchSize: 14 },
};

/** A picture of 24 tiles and a global view. */
export function benchPicture(model: XComposer): PromptChunk {
  const grid = { rows: 4, columns: 6 };
  const pixels = new Float32Array(3 * TILE * TILE).map((_, i) => ((i * 37) % 101) / 50 - 1);
  const image: TiledImage = {
    ...{ grid, tileSize: TILE, key: 'bench' },
    globalView: () => pixels,
    tile: () => pixels,
  };
  return { type: 'image', image, tokens: model.imageTokens(grid) };
}

export function benchText(tokens: number, seed = 0): Prompt[number] {
  return {
    type: 'text',
    ids: Int32Array.from({ length: tokens }, (_, i) => 3 + ((i * 31 + seed) % 900)),
  };
}

/** What this process really holds, in MiB, after everything unreachable has gone. */
export async function settledMemory(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let i = 0; i < 4; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return process.memoryUsage().rss / 2 ** 20;
}

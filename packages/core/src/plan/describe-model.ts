import type { Backend, KvFormat } from '../backend/backend.ts';
import { UnsupportedError } from '../backend/errors.ts';
import type { MemoryModel } from '../backend/memory-model.ts';
import type { Graph } from '../graph/graph.ts';
import { bindCheckpoint } from '../models/xcomposer/bind-checkpoint.ts';
import type { XComposerConfig } from '../models/xcomposer/config.ts';
import { type XComposerGraphs, xcomposerGraphs } from '../models/xcomposer/graphs.ts';
import { DEFAULT_IMAGE_CACHE_BYTES } from '../models/xcomposer/row-cache.ts';
import type { Checkpoint } from '../weights/checkpoint.ts';
import type { WeightSource } from '../weights/weight-source.ts';
import { keepsHalves, usualKv } from './usual-kv.ts';

/** A model as far as its memory goes: open, or only described. */
export interface PlannedModel {
  readonly config: XComposerConfig;
  readonly graphs: XComposerGraphs & Readonly<Record<string, Graph>>;
  /** Those that `planMemory` can be asked about. */
  readonly adapters: readonly string[];
  /** Those for which the rows of a picture are copied when it is read. Default: none. */
  readonly copyingAdapters?: ReadonlySet<string>;
  readonly weights: Pick<WeightSource, 'describe'>;
  /** What its backend says of its memory. */
  readonly memory: MemoryModel;
  /** How many bytes of encoded pictures it keeps at most. */
  readonly imageCacheBytes: number;
  /** How it keeps keys and values. */
  readonly kv: KvFormat;
}

export interface DescribeModelOptions {
  readonly backend: Backend;
  /** Only its headers matter; it stays the caller's to dispose. */
  readonly checkpoint: Checkpoint;
  /** What the checkpoint's config.json holds. */
  readonly config: unknown;
  /** As for `compileXComposer`. */
  readonly imageCacheBytes?: number;
  /** As for `compileXComposer`. */
  readonly kv?: KvFormat;
}

/**
 * What `planMemory` needs of a checkpoint on a backend: headers were read, and no weight is.
 *
 * @throws ConfigError, MissingWeightError as `compileXComposer`; UnsupportedError when the backend
 * does not say how it uses memory, or cannot keep keys and values as `kv` says.
 */
export async function describeModel(options: DescribeModelOptions): Promise<PlannedModel> {
  const { backend, checkpoint, imageCacheBytes = DEFAULT_IMAGE_CACHE_BYTES } = options;
  const { config, weights } = bindCheckpoint(checkpoint, options.config);
  const graphs = xcomposerGraphs(config, weights);
  const { adapters } = config;
  const memory = await memoryOf(backend);
  const all = Object.values<Graph>(graphs);
  const { kv = usualKv(all, weights, memory) } = options;
  if (kv === 'float16' && !keepsHalves(all, memory)) throw noHalves(backend);
  return { config, adapters, graphs, weights, memory, imageCacheBytes, kv };
}

function noHalves({ name }: Backend): UnsupportedError {
  return new UnsupportedError(
    `The ${name} backend cannot keep keys and values of this model as float16: only onnx() on the cpu can, with kernels of its own and heads they know. Leave out kv`,
  );
}

async function memoryOf(backend: Backend): Promise<MemoryModel> {
  const memory = await backend.memory?.();
  if (memory) return memory;
  throw new UnsupportedError(
    `The ${backend.name} backend does not say how it uses memory: implement its memory(), or leave out what needs a plan`,
  );
}

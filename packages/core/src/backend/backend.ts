import type { DType, Graph } from '../graph/graph.ts';
import type { WeightSource } from '../weights/weight-source.ts';
import type { MemoryModel } from './memory-model.ts';

export type HostArray = Float32Array | Uint16Array | Int32Array | Uint8Array;

/** Numbers in the memory of this process, row-major. float16 is kept as its bits in a Uint16Array. */
export interface HostTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: HostArray;
}

/** Numbers a backend holds, wherever it keeps them. Only programs of the same backend accept it. */
export interface DeviceTensor extends Disposable {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /**
   * A copy in the memory of this process. It may be written over `spare`, numbers that nobody reads any
   * more, where those are of its type and as many: fresh memory takes longer than the copy.
   */
  read(spare?: HostArray): Promise<HostTensor>;
}

/**
 * The past of one or several sequences, a slot each. Opaque: it may live on a device, in a file or
 * in another process. Nothing outside the backend sees inside.
 */
export interface KvCache extends Disposable {
  /** Those that only continue others included. */
  readonly slots: number;
  /** How many tokens a slot can hold. */
  readonly capacity: number;
  /**
   * Makes room for more; what the slots hold stays. Where that means other memory, keys and values of
   * one layer at most are there twice at any moment.
   *
   * @throws CacheMemoryError when there is no memory for that; the cache is then as it was.
   */
  grow(room: CacheRoom): Promise<void>;
  /** How many tokens a slot holds. */
  length(slot?: number): number;
  /**
   * How many tokens a slot has memory for that count as its own: those that it holds, and those cut off
   * it until their memory is given back.
   */
  held(slot?: number): number;
  /**
   * Forgets every token of a slot after the first `length`; what comes before is reused. Their memory may
   * stay for those to come.
   */
  truncate(length: number, slot?: number): void;
  /**
   * Gives back what a slot has memory for beyond `length` tokens, and those that it holds. It takes effect
   * after the runs that were asked for before; little may stay, and all where a backend cannot.
   */
  giveBack(length: number, slot?: number): void;
  /** Makes slot `to` hold what slot `from` holds. */
  copy(from: number, to: number): Promise<void>;
  /**
   * Makes slot `to` continue what slot `from` holds: a copy to look at, but where the backend can,
   * both share what they have in common and read it together.
   *
   * While it is continued, `from` stays as it is: once tokens are appended to it, cut off it or copied
   * over it, the slots that continued it are empty. Copying one of them to `from` makes `from` go on
   * as that one did; copying one to another slot makes that a continuation as well.
   */
  extend(from: number, to: number): Promise<void>;
}

/**
 * How a cache keeps keys and values: as they are, in float16, which is half the memory, or each head of each
 * position as whole numbers up to ±127 and what one is worth, in little more than a quarter.
 */
export type KvFormat = 'float32' | 'float16' | 'int8';

export interface CacheOptions {
  /** How many tokens a slot can hold. */
  readonly capacity: number;
  /** Default: 1. */
  readonly slots?: number;
  /**
   * How many more slots there are, numbered after the others, that only ever continue one: they take
   * memory for what they append alone. Default: 0.
   */
  readonly branches?: number;
  /** Default: `'float32'`. Not every backend has others. */
  readonly kv?: KvFormat;
}

/** As much as a cache should have at least. */
export interface CacheRoom {
  /** How many tokens a slot can hold. Default: as many as now. */
  readonly capacity?: number;
  /** All slots together; those that are added only ever continue others. Default: as many as now. */
  readonly slots?: number;
}

/** Consecutive rows of a run's input that continue one sequence. */
export interface Segment {
  readonly slot: number;
  readonly tokens: number;
  /** How many of its last rows `lastToken` keeps. Default 1. */
  readonly kept?: number;
}

export interface RunOptions {
  /** Needed by graphs with `attention`. */
  readonly cache?: KvCache;
  /**
   * Which sequences the rows of the inputs continue, in their order; together they hold every row.
   * Default: all rows continue slot 0.
   */
  readonly segments?: readonly Segment[];
  /** Takes effect within this run, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export type Inputs = Readonly<Record<string, HostTensor | DeviceTensor>>;
export type Outputs = Readonly<Record<string, DeviceTensor>>;

/** A set of compiled graphs over one copy of their weights; they share caches as well. */
export interface Program<Name extends string = string> extends AsyncDisposable {
  /** What it really runs on, for people: `'CPU, 2 threads'`. */
  readonly device: string;
  /** @throws UnsupportedError when it cannot keep keys and values as asked. */
  createCache(options: CacheOptions): KvCache;
  /**
   * Runs one graph. Appends to the cache only when the whole run succeeds: after an error or an
   * abort each slot holds what it held before. The results are the caller's to dispose.
   *
   * @throws CacheFullError when a slot has no room for its new tokens.
   */
  run(graph: Name, inputs: Inputs, options?: RunOptions): Promise<Outputs>;
  /**
   * Takes more graphs in, which share its weights by name, and its caches. Weights that it does not have
   * yet come from `weights` and are loaded now.
   *
   * @throws RunError for a name that is taken; WeightShapeError, MissingWeightError before a byte is read.
   */
  extend<More extends string>(
    graphs: Readonly<Record<More, Graph>>,
    weights: WeightSource,
    options?: { readonly signal?: AbortSignal },
  ): Promise<Extension<More>>;
}

/** Graphs that a program took in later. Disposing it takes them away, with weights that only they use. */
export interface Extension<Name extends string> extends AsyncDisposable {
  /** As of the program. */
  run(graph: Name, inputs: Inputs, options?: RunOptions): Promise<Outputs>;
}

export interface CompileProgress {
  readonly loadedWeights: number;
  readonly totalWeights: number;
}

export interface CompileOptions<Name extends string = string> {
  /** Graphs whose weights are loaded at their first run: adapters that may never be asked for. */
  readonly lazy?: readonly Name[];
  /**
   * How caches will keep keys and values, where a backend compiles for that: a cache of another kind may be compiled
   * for when it is first read. Default: `'float32'`.
   */
  readonly kv?: KvFormat;
  readonly onProgress?: (progress: CompileProgress) => void;
  readonly signal?: AbortSignal;
}

/** Runs graphs. Knows nothing of tokens, images or chat; what it returns stays its own until `read()`. */
export interface Backend {
  readonly name: string;
  /** How it uses memory, so that a request can be planned. Without it nothing is, and none refused. */
  memory?(): Promise<MemoryModel>;
  /**
   * Checks every weight against `weights.describe` before a byte is read, then compiles.
   *
   * @throws WeightShapeError, MissingWeightError
   */
  compile<Name extends string>(
    graphs: Readonly<Record<Name, Graph>>,
    weights: WeightSource,
    options?: CompileOptions<Name>,
  ): Promise<Program<Name>>;
}

import type { CacheLayer, OpAttributes, OpName, Weight } from '../graph/graph.ts';
import type { WeightSource } from '../weights/weight-source.ts';
import type { HostTensor, KvFormat } from './backend.ts';
import type { RunSegment } from './check-run.ts';
import type { MemoryModel } from './memory-model.ts';

/**
 * Past keys and values of one layer of one slot, in whatever form the attention kernel gave them.
 * It may hold more rows than are valid: a segment's `past` says how many are.
 */
export interface CacheEntry<T> {
  keys?: T;
  values?: T;
}

export interface KernelContext<T> {
  weight(weight: Weight): T;
  /** The sequences this run continues, in the order of their rows. */
  readonly segments: readonly RunSegment[];
  /** How many tokens a slot of the cache may hold; it may have been less when an entry was made. */
  readonly capacity: number;
  /** How keys and values are to be kept. */
  readonly kv: KvFormat;
  /** An attention kernel appends by replacing what is in the entry, and disposes what it replaces. */
  cache(layer: CacheLayer, slot: number): CacheEntry<T>;
}

/** Makes new values; never returns or disposes an operand. Two results come as an array. */
export type Kernel<Op extends OpName, T> = (
  operands: readonly T[],
  attributes: OpAttributes[Op],
  context: KernelContext<T>,
) => T | readonly T[];

/** `parameter` needs no kernel: a weight stands for itself. */
export type KernelName = Exclude<OpName, 'parameter'>;
export type Kernels<T> = { readonly [Op in KernelName]?: Kernel<Op, T> };

/** A cache as it will be once all of its slots are full. */
export interface CacheDemand {
  readonly layers: readonly CacheLayer[];
  /** Those that only continue others not counted. */
  readonly slots: number;
  readonly capacity: number;
  readonly kv: KvFormat;
  /** Tokens that its slots hold already. */
  readonly held: number;
}

/** Everything an eager runtime provides; `kernelBackend` makes a backend of it. */
export interface KernelTable<T> {
  readonly name: string;
  /** What it runs on, for people. */
  readonly device: string;
  readonly kernels: Kernels<T>;
  /** How its attention can keep keys and values. Default: only as float32. */
  readonly kvFormats?: readonly KvFormat[];
  upload(tensor: HostTensor): T;
  download(value: T): Promise<HostTensor>;
  /** Shape and dtype of a value, without reading it. */
  inspect(value: T): Pick<HostTensor, 'shape' | 'dtype'>;
  clone(value: T): T;
  dispose(value: T): void;
  /**
   * How a parameter comes in, when not as float32 numbers. `readers` are the operations of this
   * program that use it: a matrix only `linear` reads may be kept in whatever form suits it.
   */
  loadWeight?(
    weight: Weight,
    source: WeightSource,
    readers: ReadonlySet<OpName>,
    signal?: AbortSignal,
  ): Promise<T>;
  /**
   * Refuses a cache that there would be no memory for once it is full, before anything is put into it.
   * Default: refuses none.
   *
   * @throws CacheMemoryError
   */
  requireCacheMemory?(demand: CacheDemand): void;
  /** How the runtime uses memory. Default: `plainMemory`, everything as float32 in this process. */
  readonly memory?: MemoryModel;
  /** Called once when the program is disposed, after all its values are. */
  close?(): void;
}

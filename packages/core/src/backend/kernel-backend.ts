/** Turns a table of kernels into a backend: the shortest way to add one. */
import type { CacheLayer, Graph, OpName, Weight } from '../graph/graph.ts';
import { readFloat32 } from '../weights/read-float32.ts';
import type { WeightSource } from '../weights/weight-source.ts';
import { WeightSources } from '../weights/weight-sources.ts';
import type {
  Backend,
  CacheOptions,
  CompileOptions,
  DeviceTensor,
  Extension,
  Inputs,
  KvCache,
  Outputs,
  Program,
  RunOptions,
} from './backend.ts';
import { checkExtension, weightsOnlyOf } from './check-extension.ts';
import { checkInputs, placeSegments, type RunSegment } from './check-run.ts';
import { checkWeights } from './check-weights.ts';
import { RunError, UnsupportedError } from './errors.ts';
import { KernelCache } from './kernel-cache.ts';
import { runNodes } from './kernel-run.ts';
import type { KernelTable } from './kernel-table.ts';
import { lastUses } from './last-uses.ts';
import { plainMemory } from './plain-memory.ts';
import { weightReaders } from './weight-readers.ts';

/** An eager runtime as a backend: nodes run one after the other, values die after their last use. */
export function kernelBackend<T>(table: KernelTable<T>): Backend {
  return {
    name: table.name,
    memory: async () => table.memory ?? plainMemory,
    async compile(graphs, weights, options = {}) {
      const all: Graph[] = Object.values(graphs);
      for (const graph of all) checkKernels(graph, table);
      checkWeights(all, weights);
      const program = new KernelProgram(table, graphs, weights);
      await program.load(options);
      return program;
    },
  };
}

function checkKernels<T>(graph: Graph, { name, kernels }: KernelTable<T>): void {
  for (const { op, scope } of graph.nodes) {
    if (op === 'parameter' || kernels[op]) continue;
    throw new UnsupportedError(
      `The ${name} backend has no "${op}" kernel, which "${graph.name}" needs${scope && ` in ${scope}`}: it offers ${Object.keys(kernels).join(', ')}. ` +
        'Add one to its kernel table, or run this model on another backend',
    );
  }
}

class KernelProgram<T, Name extends string> implements Program<Name> {
  readonly device: string;
  readonly graphs: Record<string, Graph>;
  readonly source: WeightSources;
  readonly #weights = new Map<string, T>();
  #readers: ReadonlyMap<string, ReadonlySet<OpName>>;
  readonly #caches = new Set<KernelCache<T>>();
  readonly #dying = new Map<Graph, ReturnType<typeof lastUses>>();
  /** Runs come one after the other: eager kernels share a cache's buffers. */
  #queue: Promise<unknown> = Promise.resolve();
  #disposed = false;

  constructor(
    readonly table: KernelTable<T>,
    graphs: Readonly<Record<Name, Graph>>,
    source: WeightSource,
  ) {
    this.device = table.device;
    this.graphs = { ...graphs };
    this.source = new WeightSources(source);
    this.#readers = weightReaders(Object.values(graphs));
  }

  async load({ lazy = [], onProgress, signal }: CompileOptions<Name>): Promise<void> {
    const names = Object.keys(this.graphs).filter((name) => !lazy.includes(name as Name));
    const wanted = new Map(
      names.flatMap((name) => this.graphs[name]!.weights.map((weight) => [weight.name, weight])),
    );
    let loadedWeights = 0;
    try {
      for (const weight of wanted.values()) {
        await this.#weight(weight, signal);
        onProgress?.({ loadedWeights: ++loadedWeights, totalWeights: wanted.size });
      }
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  createCache(options: CacheOptions): KvCache {
    this.#requireOpen();
    const layers = new Map<number, CacheLayer>();
    for (const graph of Object.values<Graph>(this.graphs)) {
      for (const layer of graph.cache) layers.set(layer.layer, layer);
    }
    const cache = new KernelCache(this.table, [...layers.values()], options);
    this.#caches.add(cache);
    return cache;
  }

  async run(name: string, inputs: Inputs, options: RunOptions = {}): Promise<Outputs> {
    this.#requireOpen();
    return this.#inTurn(() => this.#run(name, inputs, options));
  }

  async extend<More extends string>(
    graphs: Readonly<Record<More, Graph>>,
    weights: WeightSource,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<Extension<More>> {
    this.#requireOpen();
    const added: readonly Graph[] = Object.values(graphs);
    for (const graph of added) checkKernels(graph, this.table);
    checkExtension(this.graphs, graphs, new WeightSources(this.source, weights));
    this.source.add(weights);
    Object.assign(this.graphs, graphs);
    this.#readers = weightReaders(Object.values(this.graphs));
    const remove = () => this.#inTurn(async () => this.#remove(Object.keys(graphs), weights));
    try {
      await this.#inTurn(async () => {
        for (const weight of added.flatMap((graph) => graph.weights)) {
          await this.#weight(weight, signal);
        }
      });
    } catch (error) {
      await remove();
      throw error;
    }
    return {
      run: (name, inputs, options) => this.run(name, inputs, options),
      [Symbol.asyncDispose]: remove,
    };
  }

  #remove(names: readonly string[], weights: WeightSource): void {
    const removed = names.flatMap((name) => this.graphs[name] ?? []);
    for (const name of names) delete this.graphs[name];
    for (const name of weightsOnlyOf(removed, Object.values(this.graphs))) {
      const value = this.#weights.get(name);
      if (value !== undefined) this.table.dispose(value);
      this.#weights.delete(name);
    }
    this.source.remove(weights);
  }

  #inTurn<Result>(task: () => Promise<Result>): Promise<Result> {
    const result = this.#queue.then(task);
    this.#queue = result.catch(() => {});
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#queue;
    for (const cache of this.#caches) cache[Symbol.dispose]();
    for (const value of this.#weights.values()) this.table.dispose(value);
    this.#weights.clear();
    this.table.close?.();
  }

  async #run(name: string, inputs: Inputs, options: RunOptions): Promise<Outputs> {
    options.signal?.throwIfAborted();
    const graph = this.#graph(name);
    const lengths = checkInputs(graph, inputs);
    const cache = this.#ownCache(options.cache);
    const segments = placeSegments(graph, lengths, cache, options.segments);
    if (graph.cache.length > 0) cache?.requireUsable(segments);
    const execute = async () => {
      for (const weight of graph.weights) await this.#weight(weight, options.signal);
      return this.#execute(graph, inputs, segments, cache, options.signal);
    };
    const values = await (cache ? cache.during(execute) : execute());
    if (graph.cache.length > 0) cache?.commit(segments);
    return Object.fromEntries(
      Object.entries(values).map(([key, value]) => [key, new KernelTensor(this.table, value)]),
    );
  }

  async #execute(
    graph: Graph,
    inputs: Inputs,
    segments: readonly RunSegment[],
    cache: KernelCache<T> | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Readonly<Record<string, T>>> {
    return runNodes({
      table: this.table,
      graph,
      inputs: this.#place(graph, inputs),
      dying: this.#dyingIn(graph),
      context: {
        segments,
        capacity: cache?.capacity ?? 0,
        kv: cache?.kv ?? 'float32',
        weight: ({ name }) => this.#weights.get(name)!,
        cache: ({ layer }, slot) => cache!.entry(layer, slot),
      },
      ...(signal && { signal }),
    });
  }

  #place(graph: Graph, inputs: Inputs): Map<number, T> {
    return new Map(
      Object.entries(graph.inputs).map(([key, { id }]) => {
        const given = inputs[key]!;
        if ('data' in given) return [id, this.table.upload(given)];
        return [id, this.table.clone(this.#own(given, key))];
      }),
    );
  }

  #own(given: DeviceTensor, key: string): T {
    if (given instanceof KernelTensor && given.table === this.table) return given.value as T;
    throw new RunError(
      `The input "${key}" was made by another backend than ${this.table.name}: read() it first and pass the numbers`,
    );
  }

  #ownCache(cache: KvCache | undefined): KernelCache<T> | undefined {
    if (cache === undefined) return undefined;
    if (cache instanceof KernelCache && this.#caches.has(cache)) {
      cache.requireOpen();
      return cache;
    }
    throw new RunError(
      'This cache was made by another program: use the one its createCache() gave',
    );
  }

  #graph(name: string): Graph {
    const graph = this.graphs[name];
    if (graph) return graph;
    const names = Object.keys(this.graphs).join(', ');
    throw new RunError(`There is no graph "${name}": this program holds ${names}`);
  }

  #dyingIn(graph: Graph): ReturnType<typeof lastUses> {
    const known = this.#dying.get(graph) ?? lastUses(graph);
    this.#dying.set(graph, known);
    return known;
  }

  async #weight(weight: Weight, signal?: AbortSignal): Promise<void> {
    if (this.#weights.has(weight.name)) return;
    signal?.throwIfAborted();
    this.#weights.set(weight.name, await this.#load(weight, signal));
  }

  async #load(weight: Weight, signal?: AbortSignal): Promise<T> {
    const { table, source } = this;
    const readers = this.#readers.get(weight.name)!;
    if (table.loadWeight) return table.loadWeight(weight, source, readers, signal);
    const data = await readFloat32(source, weight.name, signal);
    return table.upload({ dtype: 'float32', shape: weight.shape, data });
  }

  #requireOpen(): void {
    if (this.#disposed) throw new RunError(`This ${this.table.name} program has been disposed`);
  }
}

class KernelTensor<T> implements DeviceTensor {
  readonly shape: readonly number[];
  readonly dtype: DeviceTensor['dtype'];
  #disposed = false;

  constructor(
    readonly table: KernelTable<T>,
    readonly value: T,
  ) {
    const { shape, dtype } = table.inspect(value);
    this.shape = shape;
    this.dtype = dtype;
  }

  read(): ReturnType<DeviceTensor['read']> {
    if (this.#disposed) throw new RunError('This tensor has been disposed');
    return this.table.download(this.value);
  }

  [Symbol.dispose](): void {
    if (!this.#disposed) this.table.dispose(this.value);
    this.#disposed = true;
  }
}

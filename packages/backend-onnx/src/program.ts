import path from 'node:path';
import {
  type CacheOptions,
  type CompileOptions,
  checkExtension,
  checkInputs,
  type Extension,
  type Graph,
  type Inputs,
  type KvCache,
  type KvFormat,
  type Outputs,
  type Program,
  placeSegments,
  RunError,
  type RunOptions,
  type RunSegment,
  UnsupportedError,
  type WeightSource,
  WeightSources,
  weightsOnlyOf,
} from '@lingbi/core';
import { bindRun, type RunPlan } from './bind-run.ts';
import { mergeLayers } from './cache-layers.ts';
import { type DeviceMemory, openDeviceMemory } from './device-memory.ts';
import { OnnxTensor } from './device-tensor.ts';
import { Int8Store } from './int8-store.ts';
import { missingKernels } from './kernels.ts';
import { type CacheOwner, OnnxCache } from './kv-cache.ts';
import { deviceStore, hostStore, type KvStore, type KvStoreSize } from './kv-store.ts';
import type { Runtime } from './library.ts';
import {
  attendsByKernel,
  type GroupKind,
  type KernelOptions,
  type LoweredGraph,
  lowerGraph,
} from './lower-graph.ts';
import type { Settings } from './options.ts';
import type { Provider } from './providers.ts';
import { resultShapes } from './result-shapes.ts';
import { graphOutput } from './run-inputs.ts';
import { groupSegments, type SegmentGroup } from './segment-groups.ts';
import { OnnxSession, type SessionSettings } from './session.ts';
import { SharedWeights } from './shared-weights.ts';
import { findTables } from './tables.ts';

/** A session and the model it was made of. */
interface Compiled {
  readonly session: OnnxSession;
  readonly lowered: LoweredGraph;
}

/** Graphs over one copy of their weights. Runs come one after the other. */
export class OnnxProgram<Name extends string> implements Program<Name> {
  readonly device: string;
  readonly graphs: Record<string, Graph>;
  readonly #source: WeightSources;
  readonly #weights: SharedWeights;
  readonly #settings: SessionSettings;
  /** One a graph, and one more for each other list of groups that its runs had. */
  readonly #compiled = new Map<string, Promise<Compiled>>();
  /** Graphs in which kernels of ours attend. */
  readonly #byKernel = new WeakMap<Graph, boolean>();
  readonly #caches = new Set<OnnxCache>();
  readonly #tensors = new Set<OnnxTensor>();
  #deviceMemory: DeviceMemory | undefined;
  /** How caches are expected to keep keys and values. */
  #kv: KvFormat = 'float32';
  #queue: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(
    readonly runtime: Runtime,
    readonly provider: Provider,
    readonly options: Settings,
    graphs: Readonly<Record<Name, Graph>>,
    source: WeightSource,
  ) {
    this.graphs = { ...graphs };
    this.#source = new WeightSources(source);
    const { api } = runtime;
    const { threads, prepack } = options;
    const counted = `${threads} ${threads === 1 ? 'thread' : 'threads'}`;
    this.device = `${provider.label}, ${counted} (ONNX Runtime ${api.version})`;
    this.#weights = new SharedWeights(runtime, this.#source, {
      tables: findTables(Object.values<Graph>(graphs)),
      settings: options,
    });
    const prepackedWeights = api.create('preparing weights', 'CreatePrepackedWeightsContainer');
    this.#settings = { provider, threads, prepack, prepackedWeights };
  }

  /** Loads weights and compiles, all but the lazy graphs. */
  async open(options: CompileOptions<Name>): Promise<void> {
    const { lazy = [], kv = 'float32', onProgress, signal } = options;
    this.#kv = kv;
    const eager = Object.keys(this.graphs).filter((name) => !lazy.includes(name as Name));
    const weights = eager.flatMap((name) => this.graphs[name]!.weights);
    try {
      const { memoryName } = this.provider;
      if (memoryName !== undefined) {
        this.#deviceMemory = await openDeviceMemory(this.runtime, memoryName, this.#settings);
      }
      await this.#weights.load(weights, signal, onProgress);
      for (const name of eager) {
        signal?.throwIfAborted();
        await this.#compile(name, this.#usualKinds(name), signal);
      }
      await this.#moveToLargePages(signal);
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  createCache({ capacity, slots = 1, branches = 0, kv = 'float32' }: CacheOptions): KvCache {
    this.#requireOpen();
    requireCount('capacity', capacity);
    requireCount('slots', slots);
    const layers = mergeLayers(Object.values<Graph>(this.graphs));
    const store = this.#createStore({ layers, capacity, slots }, kv);
    const owner: CacheOwner = {
      ...{ runtime: this.runtime, layers },
      inTurn: (task) => this.#inTurn(task),
      unbind: () => this.#unbindAll(),
      onDispose: (cache) => {
        this.#caches.delete(cache);
        void this.#inTurn(() => this.#unbindAll());
      },
    };
    const cache = new OnnxCache(owner, store, { capacity, slots, branches, kv });
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
    checkExtension(this.graphs, graphs, new WeightSources(this.#source, weights));
    this.#source.add(weights);
    Object.assign(this.graphs, graphs);
    const remove = () => this.#inTurn(() => this.#remove(Object.keys(graphs), weights));
    try {
      await this.#inTurn(async () => {
        const added = Object.values<Graph>(graphs);
        await this.#weights.load(
          added.flatMap((graph) => graph.weights),
          signal,
        );
        for (const name of Object.keys(graphs)) {
          await this.#compile(name, this.#usualKinds(name), signal);
        }
        await this.#moveToLargePages(signal);
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

  async #remove(names: readonly string[], weights: WeightSource): Promise<void> {
    const removed = names.flatMap((name) => this.graphs[name] ?? []);
    for (const name of names) delete this.graphs[name];
    await this.#disposeSessions((key) => names.includes(key.split('/', 1)[0]!));
    this.#weights.forget(weightsOnlyOf(removed, Object.values(this.graphs)));
    this.#source.remove(weights);
  }

  /** Waits for what was asked before; caches and results that are still there go with it. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#inTurn(async () => {
      for (const cache of [...this.#caches]) cache[Symbol.dispose]();
    });
    await this.#inTurn(() => this.#disposeSessions());
    for (const tensor of [...this.#tensors]) tensor[Symbol.dispose]();
    this.#deviceMemory?.[Symbol.dispose]();
    await this.#weights[Symbol.asyncDispose]();
    this.runtime.api.release('ReleasePrepackedWeightsContainer', this.#settings.prepackedWeights);
  }

  async #run(name: string, inputs: Inputs, options: RunOptions): Promise<Outputs> {
    options.signal?.throwIfAborted();
    const graph = this.#graph(name);
    const lengths = checkInputs(graph, inputs);
    const cache = this.#ownCache(options.cache);
    const segments = placeSegments(graph, lengths, cache, options.segments);
    requireRows(graph, segments);
    const groups = this.#group(graph, segments, cache);
    const compiled = await this.#compile(name, kindsOf(groups), options.signal);
    await this.#moveToLargePages(options.signal); // what was compiled late
    cache?.requireOpen(); // compiling took its time
    const plan = { graph, inputs, lengths, segments, groups, cache };
    const outputs = await this.#execute(compiled, plan, options.signal);
    commitRun(plan, outputs);
    return outputs;
  }

  async #execute(
    { session, lowered }: Compiled,
    plan: RunPlan,
    signal: AbortSignal | undefined,
  ): Promise<Outputs> {
    using _bound = bindRun(this.runtime, session, lowered, plan);
    const results = await session.run({
      ...{ signal, shapes: resultShapes(plan) },
    });
    const outputs = Object.entries(plan.graph.outputs).map(([key, { dtype }], index) => {
      const tensor = new OnnxTensor(this.runtime, dtype, results[index]!, {
        onDispose: (each) => this.#tensors.delete(each),
        onEnd: (native) => session.giveBack(index, native),
      });
      this.#tensors.add(tensor);
      return [key, tensor];
    });
    return Object.fromEntries(outputs);
  }

  #group(graph: Graph, segments: readonly RunSegment[], cache: OnnxCache | undefined) {
    if (graph.cache.length === 0 || !cache) return [];
    cache.requireUsable(segments);
    if (cache.kv === 'float16') this.#requireHalves([graph]); // it may have come after the cache
    return groupSegments(segments, cache, cache.kv === 'int8' && this.#attendsByKernel(graph));
  }

  #attendsByKernel(graph: Graph): boolean {
    const known = this.#byKernel.get(graph) ?? attendsByKernel(graph, this.#kernelOptions);
    this.#byKernel.set(graph, known);
    return known;
  }

  get #kernelOptions(): KernelOptions {
    return { ownKernels: this.options.ownKernels, fusedRotary: this.provider.name === 'cpu' };
  }

  /** What a sequence by itself needs, in a cache as it is expected. */
  #usualKinds(name: string): readonly GroupKind[] {
    const byKernel = this.#attendsByKernel(this.graphs[name]!);
    if (this.#kv === 'int8') return [byKernel ? 'int8Slot' : 'int8'];
    return [this.#kv === 'float16' && byKernel ? 'halfSlots' : 'slots'];
  }

  /** A graph without attention is the same for any groups. */
  #compile(name: string, groups: readonly GroupKind[], signal?: AbortSignal): Promise<Compiled> {
    const graph = this.graphs[name]!;
    const key = graph.cache.length > 0 ? `${name}/${groups}` : name;
    const known = this.#compiled.get(key);
    if (known) return known;
    const compiled = this.#openSession(name, graph, groups, signal);
    this.#compiled.set(key, compiled);
    compiled.catch(() => this.#compiled.delete(key));
    return compiled;
  }

  async #openSession(
    name: string,
    graph: Graph,
    groups: readonly GroupKind[],
    signal: AbortSignal | undefined,
  ): Promise<Compiled> {
    await this.#weights.load(graph.weights, signal);
    const lowered = lowerGraph(graph, {
      groups,
      accuracyLevel: this.options.accuracyLevel,
      ...this.#kernelOptions,
      placeholder: path.basename(this.runtime.api.path),
      weight: (each) => this.#weights.get(each),
    });
    const outputs = Object.keys(graph.outputs).map(graphOutput);
    const { runtime } = this;
    const settings = this.#settings;
    try {
      const session = await OnnxSession.open(runtime, name, lowered, outputs, settings, signal);
      return { session, lowered };
    } finally {
      this.#weights.forgetPacked();
    }
  }

  #moveToLargePages(signal: AbortSignal | undefined): Promise<void> {
    return this.#weights.moveToLargePages((step) => this.#inTurn(step), signal);
  }

  #createStore(size: KvStoreSize, kv: KvFormat): KvStore {
    if (kv === 'int8') {
      if (!this.#deviceMemory) return new Int8Store(this.runtime, size);
      throw new UnsupportedError(
        `ONNX Runtime's ${this.provider.name} cannot keep keys and values as int8, only its cpu can: leave out kv`,
      );
    }
    if (kv === 'float16') {
      this.#requireHalves(Object.values<Graph>(this.graphs));
      return hostStore(this.runtime, size, 'float16');
    }
    if (this.#deviceMemory) return deviceStore(this.runtime, this.#deviceMemory, size);
    return hostStore(this.runtime, size);
  }

  #requireHalves(graphs: readonly Graph[]): void {
    const other = graphs.find((graph) => graph.cache.length > 0 && !this.#attendsByKernel(graph));
    if (!other) return;
    const why =
      missingKernels() ??
      `the program was made without them, or the model's heads or the angles of "${other.name}" are none they know`;
    throw new UnsupportedError(
      `onnx keeps keys and values as float16 only for kernels of its own, on the cpu: ${why}. Leave out kv`,
    );
  }

  #ownCache(cache: KvCache | undefined): OnnxCache | undefined {
    if (cache === undefined) return undefined;
    if (cache instanceof OnnxCache) {
      cache.requireOpen();
      if (this.#caches.has(cache)) return cache;
    }
    throw new RunError(
      'This cache was made by another program: use the one its createCache() gave',
    );
  }

  #graph(name: string): Graph {
    if (Object.hasOwn(this.graphs, name)) return this.graphs[name]!;
    const names = Object.keys(this.graphs).join(', ');
    throw new RunError(`There is no graph "${name}": this program holds ${names}`);
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(task);
    this.#queue = result.catch(() => {});
    return result;
  }

  /** A disposed cache's memory is free only when no session is bound to it any more. */
  async #unbindAll(): Promise<void> {
    for (const session of await this.#sessions()) session.unbind();
  }

  async #disposeSessions(isMeant: (key: string) => boolean = () => true): Promise<void> {
    for (const session of await this.#sessions(isMeant)) session[Symbol.dispose]();
    for (const key of [...this.#compiled.keys()].filter(isMeant)) this.#compiled.delete(key);
  }

  /** Those that came to be. */
  async #sessions(isMeant = (_key: string) => true): Promise<readonly OnnxSession[]> {
    const meant = [...this.#compiled].filter(([key]) => isMeant(key));
    const settled = await Promise.allSettled(meant.map(([, compiled]) => compiled));
    return settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value.session] : []));
  }

  #requireOpen(): void {
    if (this.#closing) throw new RunError('This onnx program has been disposed');
  }
}

function commitRun({ graph, cache, segments, groups }: RunPlan, outputs: Outputs): void {
  try {
    if (graph.cache.length > 0) cache?.commit(segments, groups);
  } catch (error) {
    for (const output of Object.values(outputs)) output[Symbol.dispose]();
    throw error;
  }
}

function kindsOf(groups: readonly SegmentGroup[]): readonly GroupKind[] {
  if (groups.length === 0) return ['slots'];
  return groups.map(({ kind }) => kind);
}

function requireRows(graph: Graph, segments: readonly RunSegment[]): void {
  if (graph.cache.length === 0 || segments.some(({ tokens }) => tokens > 0)) return;
  throw new RunError(`"${graph.name}" attends to a past: a run needs at least one new row`);
}

function requireCount(what: string, count: number): void {
  if (Number.isInteger(count) && count > 0) return;
  throw new RunError(`createCache: ${what} must be a whole number above 0, but it is ${count}`);
}

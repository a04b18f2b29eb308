/** A checkpoint of the InternLM-XComposer-2.5 family on a backend. */
import { AdapterError } from '../../adapters/adapter-error.ts';
import { AdapterUnloadedError } from '../../adapters/adapter-unloaded-error.ts';
import type { LoraAdapter } from '../../adapters/open-adapter.ts';
import type {
  Backend,
  CompileOptions,
  DeviceTensor,
  Extension,
  HostTensor,
  Inputs,
  KvFormat,
  Outputs,
  Program,
  RunOptions,
} from '../../backend/backend.ts';
import { UnsupportedError } from '../../backend/errors.ts';
import type { DecoderRuntime, DecodeStep, EncodedImage } from '../../generate/decoder-runtime.ts';
import { type IdleCache, IdleCaches } from '../../generate/idle-caches.ts';
import { emptyPast } from '../../generate/past.ts';
import { type Prompt, promptLength } from '../../generate/prompt.ts';
import { embedPrompt, type PromptEmbedding } from '../../generate/prompt-embedding.ts';
import type { BatchModel, ChosenAdapter } from '../../generate/scheduler/batcher.ts';
import { Scheduler, type SchedulerOptions } from '../../generate/scheduler/scheduler.ts';
import { continueCache, type Sequence } from '../../generate/sequence.ts';
import { describeModel, type PlannedModel } from '../../plan/describe-model.ts';
import { MemoryBudget, type MemoryLever } from '../../plan/memory-budget.ts';
import { MemoryBudgetError } from '../../plan/memory-budget-error.ts';
import { largestShares, planMemory } from '../../plan/plan-memory.ts';
import { promptParts } from '../../plan/prompt-parts.ts';
import { picturesClaim, slotsClaim } from '../../plan/scheduler-claims.ts';
import { weightsAdvice } from '../../plan/weights-advice.ts';
import type { Checkpoint } from '../../weights/checkpoint.ts';
import type { WeightSource } from '../../weights/weight-source.ts';
import { WeightSources } from '../../weights/weight-sources.ts';
import type { TowerConfig } from '../clip/tower.ts';
import { actingInput, type DecoderWeights } from '../internlm2/decoder.ts';
import { type RotaryPositions, rotaryPositions } from '../internlm2/rotary.ts';
import type { TiledImage } from '../tiled-image.ts';
import { AddedGraphs } from './added-graphs.ts';
import { bindCheckpoint } from './bind-checkpoint.ts';
import type { AdapterName, AnyAdapterName, XComposerConfig } from './config.ts';
import { encodeTiles, type MakePixels } from './encode-tiles.ts';
import {
  type DecodeGraph,
  type GraphName,
  isLazy,
  mixedGraph,
  rowGraphs,
  textPlaces,
  xcomposerGraphs,
} from './graphs.ts';
import {
  type Grid,
  type ImageLayout,
  imageLayout,
  imageTokens,
  type Placement,
} from './image-rows.ts';
import { requireAdapter } from './require-adapter.ts';
import { createRowCache, DEFAULT_IMAGE_CACHE_BYTES, type RowCache } from './row-cache.ts';
import { readSeparators, trainedSeparators } from './separators.ts';
import { type AdapterGraphs, adapterGraphs } from './user-adapter.ts';

export interface XComposerOptions {
  readonly backend: Backend;
  /** The model takes it over: disposing the model closes it, and so does a failure to compile. */
  readonly checkpoint: Checkpoint;
  /** What the checkpoint's config.json holds. */
  readonly config: unknown;
  /** Surprising habits of the published code, each off unless asked for. */
  readonly compat?: XComposerCompat;
  /**
   * How many bytes of encoded pictures to keep, so that a picture shown again, in any sequence, is
   * not encoded again. Default: 256 MiB, one picture of 24 tiles for the 7B model and a bit. 0 keeps none.
   */
  readonly imageCacheBytes?: number;
  /**
   * How many bytes this process may take with the model in it: opening it, embedding prompts, opening
   * schedulers and what is claimed of `model.memory` keeps to that. Default: whatever it needs.
   */
  readonly memoryBudget?: number;
  /**
   * How many bytes of keys and values to keep of sequences that were disposed, for those whose prompt
   * begins alike. Default: 0, none.
   */
  readonly prefixCacheBytes?: number;
  /**
   * How keys and values are kept: `'int8'` takes little more than a quarter of the memory, and changes
   * likelihoods by about a hundredth. Default: `'float32'`.
   */
  readonly kv?: KvFormat;
  readonly onProgress?: CompileOptions['onProgress'];
  readonly signal?: AbortSignal;
}

export interface XComposerCompat {
  /** A long sequence enlarges the rotary base of all later ones (spec MODEL §5). */
  readonly stickyRotary?: boolean;
}

export interface SequenceOptions {
  /** How many positions the sequence can hold: the prompt and everything generated. */
  readonly capacity: number;
  /** How many continuations it can hold side by side, as beam search needs them. Default 1. */
  readonly slots?: number;
  /** Which adapter acts on every token: a task's, or one that was loaded. Default: none, `base`. */
  readonly adapter?: AnyAdapterName;
  /** What it will be asked to read first: it may begin with what another has left (`prefixCacheBytes`). */
  readonly prompt?: Prompt;
}

/**
 * Compiles a checkpoint for a backend. The graphs of the task adapters load their weights when they
 * are first asked for.
 *
 * @throws ConfigError, MissingWeightError, WeightShapeError before a byte of the weights is read.
 */
export async function compileXComposer(options: XComposerOptions): Promise<XComposer> {
  const { checkpoint } = options;
  let program: Program<GraphName> | undefined;
  try {
    const { config, weights } = bindCheckpoint(checkpoint, options.config);
    if (config.vision) weights.describe('separators'); // no graph names them, but they must be there
    const planned = await requireMemory(options);
    program = await compileGraphs(config, weights, options);
    if (options.kv) program.createCache({ capacity: 1, kv: options.kv })[Symbol.dispose](); // or say so now
    const { signal } = options;
    const separators =
      config.vision &&
      (await projectSeparators(program, await readSeparators(weights, signal), signal));
    const extras = { ...options, planned, weights };
    return new XComposer(config, program, checkpoint, separators, extras);
  } catch (error) {
    await program?.[Symbol.asyncDispose]();
    await checkpoint[Symbol.asyncDispose]();
    throw error;
  }
}

/** The model as it can be planned, if its backend says how it uses memory. */
async function requireMemory(options: XComposerOptions): Promise<PlannedModel | undefined> {
  const { backend, memoryBudget = Infinity } = options;
  if (!backend.memory && memoryBudget === Infinity) return undefined;
  const planned = await describeModel(options);
  const { peak, bytes } = planMemory(planned);
  if (peak <= memoryBudget) return planned;
  const advice = weightsAdvice(planned, (other) => planMemory(other).peak <= memoryBudget);
  const reasons = largestShares(bytes);
  throw new MemoryBudgetError('Opening this model', peak, memoryBudget, advice, reasons);
}

/** Names become parts of the names of graphs and weights. */
function requireNewName(name: string, { folder }: LoraAdapter, taken: readonly string[]): void {
  if (!/^[\w-][\w.-]{0,63}$/.test(name)) {
    throw new AdapterError(
      folder,
      `"${name}" is no name for it: use up to 64 letters, digits, -, _ and .`,
    );
  }
  if (taken.includes(name)) {
    throw new AdapterError(
      folder,
      `there is an adapter "${name}" already: unload it, or choose another name`,
    );
  }
}

function compileGraphs(
  config: XComposerConfig,
  weights: WeightSource,
  { backend, onProgress, signal }: XComposerOptions,
): Promise<Program<GraphName>> {
  const graphs = xcomposerGraphs(config, weights);
  const lazy = (Object.keys(graphs) as GraphName[]).filter(isLazy);
  return backend.compile(graphs, weights, {
    lazy,
    ...(onProgress && { onProgress }),
    ...(signal && { signal }),
  });
}

/** The vectors that end a line and part the views, as the decoder sees them: [2, hiddenSize]. */
async function projectSeparators(
  program: Program<GraphName>,
  cells: HostTensor,
  signal: AbortSignal | undefined,
): Promise<HostTensor> {
  const { rows } = await program.run('project', { cells }, signal && { signal });
  return readOnce(rows!);
}

export interface EmbedOptions {
  /** Default `base`. */
  readonly adapter?: AnyAdapterName;
  /** What the caller could lower if it does not fit the memory budget. Default: nothing. */
  readonly levers?: readonly MemoryLever[];
  readonly signal?: AbortSignal;
}

interface XComposerExtras
  extends Pick<
    XComposerOptions,
    'compat' | 'imageCacheBytes' | 'prefixCacheBytes' | 'kv' | 'memoryBudget'
  > {
  readonly planned?: PlannedModel | undefined;
  readonly weights: WeightSource;
}

/** An adapter of a user's, with the graphs that it acts in. */
interface LoadedAdapter {
  readonly extension: AsyncDisposable;
  readonly added: AdapterGraphs;
  /** Those of pictures that were trained with it. */
  readonly separators: HostTensor | undefined;
}

export class XComposer implements AsyncDisposable {
  readonly #planned: PlannedModel | undefined;
  readonly #weights: WeightSource;
  readonly #kv: KvFormat;
  readonly #loaded = new Map<string, LoadedAdapter>();
  /** Graphs that give the rows of prompts, and those that decode for several adapters at once. */
  readonly #addedGraphs: AddedGraphs;
  readonly rotary: RotaryPositions;
  /** Pictures that were encoded, and what that saved. */
  readonly imageRows: RowCache;
  /** What sequences left behind, and what that saved. */
  readonly prefixes: IdleCaches;
  /** What the model may take, and what holds positions of it. */
  readonly memory: MemoryBudget;

  constructor(
    readonly config: XComposerConfig,
    readonly program: Program<GraphName>,
    readonly checkpoint: AsyncDisposable,
    readonly separators: HostTensor | undefined,
    extras: XComposerExtras,
  ) {
    const { compat, imageCacheBytes, prefixCacheBytes = 0, planned, weights, kv } = extras;
    this.#kv = kv ?? 'float32';
    this.#planned = planned;
    this.#weights = weights;
    this.#addedGraphs = new AddedGraphs(program, weights);
    this.rotary = rotaryPositions(config.rotary, { sticky: compat?.stickyRotary ?? false });
    this.prefixes = new IdleCaches(prefixCacheBytes, bytesPerToken(config, this.#kv));
    this.memory = this.#openBudget(extras.memoryBudget);
    this.imageRows = createRowCache(imageCacheBytes ?? DEFAULT_IMAGE_CACHE_BYTES);
  }

  /** What the model really runs on, for people. */
  get device(): string {
    return this.program.device;
  }

  /** The published ones that the checkpoint holds, and those that were loaded. */
  get adapters(): readonly AnyAdapterName[] {
    return [...this.config.adapters, ...this.#loaded.keys()];
  }

  /** What `planMemory` takes; none when the backend does not say how it uses memory. */
  get planned(): PlannedModel | undefined {
    if (!this.#planned) return undefined;
    const added = [...this.#loaded.values()].map(({ added }) => added);
    const graphs = Object.assign({}, this.#planned.graphs, ...added.map(({ graphs }) => graphs));
    const weights = new WeightSources(this.#weights, ...added.map(({ weights }) => weights));
    return { ...this.#planned, graphs, weights, adapters: this.adapters };
  }

  /**
   * Takes in a LoRA adapter of a user's, to be chosen by its name like `web` or `write`, beside any
   * others. It acts on every token, and separators of pictures that were trained with it stand in place
   * of the model's; base weights, partial LoRA and caches are shared. It is read before this returns, so
   * that it may be disposed. What it holds besides, `adapter.ignored`, is not used.
   *
   * @throws AdapterError when the name is taken, or it adapts what this model does not have;
   * WeightShapeError when it was trained on another one.
   */
  async loadAdapter(name: string, adapter: LoraAdapter, signal?: AbortSignal): Promise<void> {
    requireNewName(name, adapter, this.adapters);
    const added = adapterGraphs(name, adapter, this.config, this.#weights);
    const { graphs, weights } = added;
    const separators = await this.#trainedSeparators(adapter, signal);
    const extension = await this.program.extend(graphs, weights, signal && { signal });
    this.#loaded.set(name, { extension, added, separators });
  }

  async #trainedSeparators(
    adapter: LoraAdapter,
    signal?: AbortSignal,
  ): Promise<HostTensor | undefined> {
    if (adapter.replaced.size === 0 || !this.separators) return undefined;
    const cells = await trainedSeparators(this.#weights, adapter, signal);
    return projectSeparators(this.program, cells, signal);
  }

  /**
   * Gives back what an adapter takes. Sequences, chats and requests that use it cannot go on: what they
   * ask next rejects with an `AdapterUnloadedError`, and what they have read is used for nobody else.
   *
   * @throws UnsupportedError when no adapter of that name was loaded.
   */
  async unloadAdapter(name: string): Promise<void> {
    const loaded = this.#loaded.get(name);
    if (!loaded) throw new UnsupportedError(`No adapter "${name}" was loaded`);
    this.#loaded.delete(name);
    this.prefixes.forget(loaded);
    await this.#addedGraphs.forget(name);
    await loaded.extension[Symbol.asyncDispose]();
  }

  /**
   * Sizes of the vision tower.
   *
   * @throws UnsupportedError when the checkpoint reads only text.
   */
  get tower(): TowerConfig {
    if (this.config.vision) return this.config.vision.tower;
    throw new UnsupportedError(
      'This checkpoint reads only text: it holds no vision tower. Open one of InternLM-XComposer to show it pictures',
    );
  }

  /** How many cells a tile is wide: each stands for two patches by two. */
  get cellsPerSide(): number {
    return this.tower.tileSize / this.tower.patchSize / 2;
  }

  /** How many prompt positions a picture of this grid takes. */
  imageTokens(grid: Grid): number {
    return imageTokens(grid, this.cellsPerSide);
  }

  /** @throws UnsupportedError when the checkpoint holds no such adapter. */
  openSequence({ capacity, slots = 1, adapter = 'base', prompt = [] }: SequenceOptions): Sequence {
    requireAdapter(this.adapters, adapter);
    const runtime = this.#runtime(adapter);
    const { origin } = runtime;
    const theta = this.rotary.theta(promptLength(prompt));
    const left = this.prefixes.take({ prompt, origin, theta });
    const cache = left?.cache ?? runtime.createCache({ capacity, branches: slots });
    const held = { cache, past: left?.past ?? emptyPast, room: { capacity, slots } };
    const counted = this.memory.hold({
      get positions() {
        return sequence.length;
      },
    });
    const sequence = continueCache(runtime, held, (past) => {
      counted[Symbol.dispose]();
      this.#leave({ cache, past }, adapter);
    });
    return sequence;
  }

  #openBudget(bytes = Infinity): MemoryBudget {
    const { prefixes } = this;
    const budget = new MemoryBudget(bytes, () => this.planned);
    budget.hold({
      get positions() {
        return prefixes.use.bytes / prefixes.bytesPerToken;
      },
      giveBack: () => prefixes.dropOldest(),
    });
    return budget;
  }

  /** Nobody comes back to what was read under an adapter that is no more. */
  #leave(left: IdleCache, adapter: AnyAdapterName): void {
    if (left.past.origin === this.#originOf(adapter)) this.prefixes.leave(left);
    else left.cache[Symbol.dispose]();
  }

  /** What keys and values are made with: each adapter that is loaded is one of its own. */
  #originOf(adapter: AnyAdapterName): unknown {
    return this.#loaded.get(adapter) ?? adapter;
  }

  /**
   * Answers many requests at once. Its slots are caches of `capacity` positions, of which only what is
   * used takes memory on the CPU; the memory budget counts all of them.
   *
   * @throws InvalidOptionError; MemoryBudgetError when its slots would take more than the model may.
   */
  openScheduler(options: SchedulerOptions): Scheduler<AnyAdapterName> {
    const runtime = (adapter: AnyAdapterName) => {
      requireAdapter(this.adapters, adapter);
      return this.#runtime(adapter);
    };
    const model: BatchModel<AnyAdapterName> = {
      runtime,
      decodeMixed: (step, chosen) => this.#decodeMixed(step, chosen),
      claimSlots: (wanted) => this.memory.claim(slotsClaim(wanted)),
      requirePictureMemory: (prompt, adapter) => {
        using _claimed = this.memory.claim(picturesClaim(prompt, adapter));
      },
    };
    return new Scheduler(model, options, 'base');
  }

  /**
   * What the model makes of a prompt: the last hidden state, normed, of every position. The first call
   * with an adapter compiles graphs for it, over the weights that are there.
   *
   * @throws UnsupportedError when there is no such adapter; RangeError for an empty prompt;
   * MemoryBudgetError when it would take more than the model may.
   */
  async embedPrompt(prompt: Prompt, options: EmbedOptions = {}): Promise<PromptEmbedding> {
    const { adapter = 'base', signal, levers = [] } = options;
    requireAdapter(this.adapters, adapter);
    using _claimed = this.memory.claim({
      ...{ doing: 'Embedding this prompt', levers },
      request: { prompt: promptParts(prompt), adapter, embeds: true },
    });
    const runtime = this.#runtime(adapter);
    const reader = await this.#rowReader(adapter);
    const decodeRows = async (step: DecodeStep) => {
      this.#requireOrigin(adapter, runtime.origin);
      const name = `rows${step.kind === 'text' ? 'Text' : 'Image'}.${adapter}`;
      const { rows } = await reader.run(name, this.#inputsOf(step), runOptions(step));
      return readOnce(rows!);
    };
    return embedPrompt(runtime, decodeRows, prompt, signal && { signal });
  }

  #rowReader(adapter: AnyAdapterName): Promise<Extension<string>> {
    return this.#addedGraphs.get({ what: 'rows', adapters: [adapter] }, () => {
      const own = this.#loaded.get(adapter)?.added.rowGraphs;
      return own ?? rowGraphs(this.config, this.#weights, adapter as AdapterName);
    });
  }

  /**
   * A picture as the decoder reads it: [positions, hiddenSize]. Tiles pass through the tower one by
   * one, so that only one of them is held at a time. The result belongs to the cache: do not change it.
   */
  async encodeImage(image: TiledImage, signal?: AbortSignal): Promise<HostTensor> {
    return (await this.#encodeOnce(image, signal)).rows;
  }

  /** What the tower makes of a picture is the same for all; only separators may be an adapter's own. */
  async #encodeFor(
    adapter: AnyAdapterName,
    image: TiledImage,
    signal?: AbortSignal,
  ): Promise<EncodedImage> {
    const separators = this.#loaded.get(adapter)?.separators;
    const encoded = await this.#encodeOnce(image, signal);
    if (!separators) return encoded;
    const data = encoded.rows.data.slice() as Float32Array;
    placeSeparators(data, separators, imageLayout(image.grid, this.cellsPerSide));
    return { ...encoded, rows: { ...encoded.rows, data } };
  }

  async #encodeOnce(image: TiledImage, signal?: AbortSignal): Promise<EncodedImage> {
    let known = true;
    const encode = (anybody: AbortSignal) => {
      known = false;
      return this.#encodeImage(image, anybody);
    };
    const rows = await this.imageRows.rows(image.key, encode, signal);
    return { rows, known };
  }

  async #encodeImage(image: TiledImage, signal?: AbortSignal): Promise<HostTensor> {
    const layout = imageLayout(image.grid, this.cellsPerSide);
    const width = this.config.decoder.hiddenSize;
    const data = new Float32Array(layout.length * width);
    placeSeparators(data, this.separators!, layout);
    const tiles = [...tilesOf(image, layout)];
    const making = tiles.map(({ pixels }) => pixels);
    let at = 0;
    for await (const rows of encodeTiles(making, (pixels) => this.#encodeTile(pixels, signal))) {
      place(data, rows, tiles[at++]!.placements);
    }
    return { dtype: 'float32', shape: [layout.length, width], data };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.imageRows.clear();
    this.prefixes[Symbol.dispose]();
    try {
      await this.program[Symbol.asyncDispose]();
    } finally {
      await this.checkpoint[Symbol.asyncDispose]();
    }
  }

  #runtime(adapter: AnyAdapterName): DecoderRuntime {
    const origin = this.#originOf(adapter);
    return {
      ...{ origin, rotary: this.rotary },
      createCache: (options) => this.program.createCache({ ...options, kv: this.#kv }),
      embed: (ids, signal) => this.#embed(ids, signal),
      encodeImage: (image, signal) => this.#encodeFor(adapter, image, signal),
      decode: async (step) => {
        this.#requireOrigin(adapter, origin);
        return this.#decode(step, adapter);
      },
    };
  }

  #requireOrigin(adapter: AnyAdapterName, origin: unknown): void {
    if (this.#originOf(adapter) !== origin) throw new AdapterUnloadedError(adapter);
  }

  async #embed(ids: Int32Array, signal?: AbortSignal): Promise<DeviceTensor> {
    const input = { dtype: 'int32', shape: [ids.length], data: ids } as const;
    const { rows } = await this.program.run('embed', { ids: input }, signal && { signal });
    return rows!;
  }

  async #decode(step: DecodeStep, adapter: AnyAdapterName): Promise<Float32Array> {
    const kind = step.kind === 'text' ? 'Text' : 'Image';
    const name = `decode${kind}.${adapter}` as DecodeGraph; // or an added one
    return logitsOf(await this.program.run(name, this.#inputsOf(step), runOptions(step)));
  }

  async #decodeMixed(
    step: DecodeStep,
    chosen: readonly ChosenAdapter<AnyAdapterName>[],
  ): Promise<Float32Array> {
    const requireAll = () => {
      for (const { adapter, runtime } of chosen) this.#requireOrigin(adapter, runtime.origin);
    };
    requireAll();
    const adapters = chosen.map(({ adapter }) => adapter);
    const acting = [...new Set(adapters)].filter((each) => each !== 'base').sort();
    const name = `decodeMixed.${acting.join('+')}`;
    const graphs = await this.#addedGraphs.get({ what: 'mixed', adapters: acting }, () => {
      const decoders = new Map(acting.map((each) => [each, this.#textPlaces(each)]));
      return { [name]: mixedGraph(name, decoders, this.config.decoder) };
    });
    requireAll(); // compiling took its time
    const inputs = { ...this.#inputsOf(step), ...actingInputs(step, adapters, acting) };
    return logitsOf(await graphs.run(name, inputs, runOptions(step)));
  }

  #textPlaces(adapter: AnyAdapterName): DecoderWeights {
    const own = this.#loaded.get(adapter)?.added.textPlaces;
    return own ?? textPlaces(this.config, this.#weights, adapter as AdapterName);
  }

  #inputsOf({ x, angles }: DecodeStep): Inputs {
    const shape = [x.shape[0]!, this.config.decoder.headDim / 2];
    return {
      x,
      cos: { dtype: 'float32', shape, data: angles.cos },
      sin: { dtype: 'float32', shape, data: angles.sin },
    };
  }

  async #encodeTile(pixels: Float32Array, signal?: AbortSignal): Promise<HostTensor> {
    const { tileSize } = this.tower;
    const input = { dtype: 'float32', shape: [3, tileSize, tileSize], data: pixels } as const;
    const { rows } = await this.program.run('vision', { pixels: input }, signal && { signal });
    return readOnce(rows!);
  }
}

async function logitsOf({ hidden, logits }: Outputs): Promise<Float32Array> {
  hidden![Symbol.dispose]();
  return (await readOnce(logits!)).data as Float32Array;
}

/** For each adapter, 1 for each token of its segments. */
function actingInputs(
  { segments }: DecodeStep,
  adapters: readonly string[],
  acting: readonly string[],
): Inputs {
  const ofTokens = segments.flatMap(({ tokens }, i) => Array<string>(tokens).fill(adapters[i]!));
  const inputs = acting.map((adapter) => {
    const data = Float32Array.from(ofTokens, (each) => (each === adapter ? 1 : 0));
    return [actingInput(adapter), { dtype: 'float32', shape: [data.length, 1], data }] as const;
  });
  return Object.fromEntries(inputs);
}

function runOptions({ cache, segments, signal }: DecodeStep): RunOptions {
  return { cache, segments, ...(signal && { signal }) };
}

interface PlacedTile {
  readonly pixels: MakePixels;
  readonly placements: readonly Placement[];
}

/** The global view, then the tiles row by row; their pixels are made when they are asked for. */
function* tilesOf(image: TiledImage, layout: ImageLayout): Generator<PlacedTile> {
  yield { pixels: () => image.globalView(), placements: layout.globalView() };
  for (let row = 0; row < image.grid.rows; row++) {
    for (let column = 0; column < image.grid.columns; column++) {
      const placements = layout.tile(row, column);
      yield { pixels: () => image.tile(row, column), placements };
    }
  }
}

/** Keys and values of one position in all layers, in float32. */
function bytesPerToken({ decoder }: XComposerConfig, kv: KvFormat): number {
  const { layers, kvHeads, headDim } = decoder;
  return layers * 2 * kvHeads * (kv === 'int8' ? headDim + 4 : headDim * 4);
}

function placeSeparators(data: Float32Array, separators: HostTensor, layout: ImageLayout): void {
  const width = separators.shape[1]!;
  const [line, view] = [0, 1].map((row) =>
    separators.data.subarray(row * width, (row + 1) * width),
  );
  for (const position of layout.rowSeparators) data.set(line!, position * width);
  data.set(view!, layout.viewSeparator * width);
}

function place(data: Float32Array, rows: HostTensor, placements: readonly Placement[]): void {
  const width = rows.shape[1]!;
  for (const { from, to, cells } of placements) {
    data.set(rows.data.subarray(from * width, (from + cells) * width), to * width);
  }
}

async function readOnce(tensor: DeviceTensor): Promise<HostTensor> {
  try {
    return await tensor.read();
  } finally {
    tensor[Symbol.dispose]();
  }
}

/** A checkpoint of the InternLM-XComposer-2.5 family on a backend. */
import { AdapterUnloadedError } from '../../adapters/adapter-unloaded-error.ts';
import type { LoraAdapter } from '../../adapters/open-adapter.ts';
import type { Extension, HostTensor, KvFormat, Program } from '../../backend/backend.ts';
import { UnsupportedError } from '../../backend/errors.ts';
import { readOnce } from '../../backend/read-once.ts';
import type {
  DecoderRuntime,
  DecodeStep,
  EncodedImage,
  TextStep,
} from '../../generate/decoder-runtime.ts';
import { type IdleCache, IdleCaches } from '../../generate/idle-caches.ts';
import { emptyPast, type WantedPast } from '../../generate/past.ts';
import { type Prompt, promptLength } from '../../generate/prompt.ts';
import { embedPrompt, type PromptEmbedding } from '../../generate/prompt-embedding.ts';
import type { BatchModel, ChosenAdapter } from '../../generate/scheduler/batcher.ts';
import { Scheduler, type SchedulerOptions } from '../../generate/scheduler/scheduler.ts';
import { continueCache, type Sequence } from '../../generate/sequence.ts';
import type { PlannedModel } from '../../plan/describe-model.ts';
import { type ClaimedMemory, MemoryBudget, type MemoryClaim } from '../../plan/memory-budget.ts';
import { MemoryBudgetError } from '../../plan/memory-budget-error.ts';
import { promptParts } from '../../plan/prompt-parts.ts';
import { picturesClaim, slotsClaim } from '../../plan/scheduler-claims.ts';
import type { WeightSource } from '../../weights/weight-source.ts';
import { WeightSources } from '../../weights/weight-sources.ts';
import type { TowerConfig } from '../clip/tower.ts';
import type { DecoderWeights } from '../internlm2/decoder.ts';
import { type RotaryPositions, rotaryPositions } from '../internlm2/rotary.ts';
import type { TiledImage } from '../tiled-image.ts';
import { AddedGraphs } from './added-graphs.ts';
import type { AdapterName, AnyAdapterName, XComposerConfig } from './config.ts';
import { actingInputs, decodeInputs, logitsOf, runOptions } from './decode-inputs.ts';
import { type DecodeGraph, type GraphName, mixedGraph, rowGraphs, textPlaces } from './graphs.ts';
import type { Grid } from './image-rows.ts';
import type {
  ClaimedSequence,
  EmbedOptions,
  SequenceOptions,
  XComposerOptions,
} from './options.ts';
import { PictureEncoder, projectSeparators } from './picture-encoder.ts';
import { requireAdapter, requireNewName } from './require-adapter.ts';
import { createRowCache, DEFAULT_IMAGE_CACHE_BYTES, type RowCache } from './row-cache.ts';
import { trainedSeparators } from './separators.ts';
import { type AdapterGraphs, adapterGraphs } from './user-adapter.ts';

interface XComposerExtras
  extends Pick<
    XComposerOptions,
    'compat' | 'imageCacheBytes' | 'prefixCacheBytes' | 'memoryBudget'
  > {
  readonly kv: KvFormat;
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
  readonly #pictures: PictureEncoder;
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
    this.#kv = kv;
    this.#planned = planned;
    this.#weights = weights;
    this.#addedGraphs = new AddedGraphs(program, weights);
    this.rotary = rotaryPositions(config.rotary, { sticky: compat?.stickyRotary ?? false });
    this.prefixes = new IdleCaches(prefixCacheBytes, bytesPerToken(config, kv));
    this.imageRows = createRowCache(imageCacheBytes ?? DEFAULT_IMAGE_CACHE_BYTES);
    this.memory = this.#openBudget(extras.memoryBudget);
    this.#pictures = new PictureEncoder({ config, program, separators, cache: this.imageRows });
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
    const copying = [...this.#loaded].flatMap(([name, { separators }]) => (separators ? name : []));
    const adapters = { adapters: this.adapters, copyingAdapters: new Set(copying) };
    return { ...this.#planned, graphs, weights, ...adapters };
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
    return this.#pictures.tower;
  }

  /** How many cells a tile is wide: each stands for two patches by two. */
  get cellsPerSide(): number {
    return this.#pictures.cellsPerSide;
  }

  /** How many prompt positions a picture of this grid takes. */
  imageTokens(grid: Grid): number {
    return this.#pictures.imageTokens(grid);
  }

  /** @throws UnsupportedError when the checkpoint holds no such adapter. */
  openSequence(options: SequenceOptions): Sequence {
    const { capacity, slots = 1, adapter = 'base' } = options;
    requireAdapter(this.adapters, adapter);
    const runtime = this.#runtime(adapter);
    const left = this.prefixes.take(this.#wantedBy(options));
    const cache = left?.cache ?? runtime.createCache({ capacity, branches: slots });
    const held = { cache, past: left?.past ?? emptyPast, room: { capacity, slots } };
    const counted = this.memory.hold({
      get positions() {
        return sequence.heldPositions;
      },
    });
    const sequence = continueCache(runtime, held, (past) => {
      counted[Symbol.dispose]();
      this.#leave({ cache, past }, adapter);
    });
    return sequence;
  }

  /**
   * Sets memory aside for a request that has no sequence yet, and opens one. What the sequence can go on
   * from is not given back to make room for it.
   *
   * @throws as `openSequence` and `memory.claim` do.
   */
  claimSequence(options: SequenceOptions, claim: Omit<MemoryClaim, 'held'>): ClaimedSequence {
    requireAdapter(this.adapters, options.adapter ?? 'base');
    let held = () => this.prefixes.sparedPositions;
    const claiming = () => this.memory.claim({ ...claim, held: () => held() });
    const claimed = this.#sparing(this.#wantedBy(options), claiming);
    try {
      const sequence = this.openSequence(options);
      held = () => sequence.heldPositions;
      return { sequence, claimed };
    } catch (error) {
      claimed[Symbol.dispose]();
      throw error;
    }
  }

  /** Where there is no room beside what it would go on from, that is given back like any other. */
  #sparing(wanted: WantedPast, claiming: () => ClaimedMemory): ClaimedMemory {
    try {
      return this.prefixes.sparing(wanted, claiming);
    } catch (error) {
      if (!(error instanceof MemoryBudgetError)) throw error;
      return claiming();
    }
  }

  /** What a sequence would be asked to read first. */
  #wantedBy({ adapter = 'base', prompt = [] }: SequenceOptions): WantedPast {
    const theta = this.rotary.theta(promptLength(prompt));
    return { prompt, origin: this.#originOf(adapter), theta };
  }

  #openBudget(bytes = Infinity): MemoryBudget {
    const { prefixes } = this;
    const budget = new MemoryBudget(bytes, () => this.planned, this.imageRows);
    budget.hold({
      get positions() {
        return prefixes.positions;
      },
      giveBack: () => prefixes.dropOldest(),
    });
    budget.hold({
      get positions() {
        return prefixes.sparedPositions;
      },
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
      const { rows } = await reader.run(name, decodeInputs(step), runOptions(step));
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
    return (await this.#pictures.encode(image, signal)).rows;
  }

  /** Separators may be an adapter's own. */
  #encodeFor(
    adapter: AnyAdapterName,
    image: TiledImage,
    signal?: AbortSignal,
  ): Promise<EncodedImage> {
    const separators = this.#loaded.get(adapter)?.separators;
    if (!separators) return this.#pictures.encode(image, signal);
    return this.#pictures.encodeWith(separators, image, signal);
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

  async #decode(step: DecodeStep, adapter: AnyAdapterName): Promise<Float32Array> {
    const kind = step.kind === 'text' ? 'Text' : 'Image';
    const name = `decode${kind}.${adapter}` as DecodeGraph; // or an added one
    return logitsOf(await this.program.run(name, decodeInputs(step), runOptions(step)), step);
  }

  async #decodeMixed(
    step: TextStep,
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
    const inputs = { ...decodeInputs(step), ...actingInputs(step, adapters, acting) };
    return logitsOf(await graphs.run(name, inputs, runOptions(step)), step);
  }

  #textPlaces(adapter: AnyAdapterName): DecoderWeights {
    const own = this.#loaded.get(adapter)?.added.textPlaces;
    return own ?? textPlaces(this.config, this.#weights, adapter as AdapterName);
  }
}

/** Keys and values of one position in all layers. */
function bytesPerToken({ decoder }: XComposerConfig, kv: KvFormat): number {
  const { layers, kvHeads, headDim } = decoder;
  const bytes = { float32: 4 * headDim, float16: 2 * headDim, int8: headDim + 4 };
  return layers * 2 * kvHeads * bytes[kv];
}

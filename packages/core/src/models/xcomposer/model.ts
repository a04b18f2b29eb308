/** A checkpoint of the InternLM-XComposer-2.5 family on a backend. */
import type {
  Backend,
  CompileOptions,
  DeviceTensor,
  HostTensor,
  Program,
} from '../../backend/backend.ts';
import { UnsupportedError } from '../../backend/errors.ts';
import type { DecoderRuntime, DecodeStep } from '../../generate/decoder-runtime.ts';
import { Scheduler, type SchedulerOptions } from '../../generate/scheduler/scheduler.ts';
import { openSequence, type Sequence } from '../../generate/sequence.ts';
import type { Checkpoint } from '../../weights/checkpoint.ts';
import { convertedWeights } from '../../weights/converted/converted-weights.ts';
import { sourceTensors } from '../../weights/converted/manifest.ts';
import { readFloat32 } from '../../weights/read-float32.ts';
import { checkpointWeights } from '../../weights/weight-map.ts';
import type { WeightSource } from '../../weights/weight-source.ts';
import type { TowerConfig } from '../clip/tower.ts';
import { type RotaryPositions, rotaryPositions } from '../internlm2/rotary.ts';
import type { TiledImage } from '../tiled-image.ts';
import { type AdapterName, readConfig, type XComposerConfig } from './config.ts';
import { encodeTiles, type MakePixels } from './encode-tiles.ts';
import { type DecodeGraph, type GraphName, xcomposerGraphs } from './graphs.ts';
import {
  type Grid,
  type ImageLayout,
  imageLayout,
  imageTokens,
  type Placement,
} from './image-rows.ts';
import { createRowCache, type RowCache } from './row-cache.ts';
import { weightMap } from './weight-map.ts';

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
  readonly onProgress?: CompileOptions['onProgress'];
  readonly signal?: AbortSignal;
}

const DEFAULT_IMAGE_CACHE_BYTES = 256 * 2 ** 20;

export interface XComposerCompat {
  /** A long sequence enlarges the rotary base of all later ones (spec MODEL §5). */
  readonly stickyRotary?: boolean;
}

export interface SequenceOptions {
  /** How many positions the sequence can hold: the prompt and everything generated. */
  readonly capacity: number;
  /** How many continuations it can hold side by side, as beam search needs them. Default 1. */
  readonly slots?: number;
  /** Which task adapter acts on every token. Default: none, `base`. */
  readonly adapter?: AdapterName;
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
    program = await compileGraphs(config, weights, options);
    const separators = config.vision && (await projectSeparators(program, weights, options.signal));
    return new XComposer(config, program, checkpoint, separators, options);
  } catch (error) {
    await program?.[Symbol.asyncDispose]();
    await checkpoint[Symbol.asyncDispose]();
    throw error;
  }
}

/** A converted checkpoint holds our weights as they are; any other holds what they are made of. */
function bindCheckpoint(
  checkpoint: Checkpoint,
  json: unknown,
): { config: XComposerConfig; weights: WeightSource } {
  const { manifest } = checkpoint;
  if (manifest) {
    const config = readConfig(json, sourceTensors(manifest));
    return { config, weights: convertedWeights(checkpoint, manifest) };
  }
  const config = readConfig(json, checkpoint);
  return { config, weights: checkpointWeights(checkpoint, weightMap(config, checkpoint)) };
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

/** Adapters are tensors of their own; many programs never ask for them. */
function isLazy(name: GraphName): boolean {
  return name.startsWith('decode') && !name.endsWith('.base');
}

/** The vectors that end a line and part the views, as the decoder sees them: [2, hiddenSize]. */
async function projectSeparators(
  program: Program<GraphName>,
  weights: WeightSource,
  signal: AbortSignal | undefined,
): Promise<HostTensor> {
  const { shape } = weights.describe('separators');
  const data = await readFloat32(weights, 'separators', signal);
  const cells = { dtype: 'float32', shape, data } as const;
  const { rows } = await program.run('project', { cells }, signal && { signal });
  return readOnce(rows!);
}

export class XComposer implements AsyncDisposable {
  readonly rotary: RotaryPositions;
  /** Pictures that were encoded, and what that saved. */
  readonly imageRows: RowCache;

  constructor(
    readonly config: XComposerConfig,
    readonly program: Program<GraphName>,
    readonly checkpoint: AsyncDisposable,
    readonly separators: HostTensor | undefined,
    { compat, imageCacheBytes }: Pick<XComposerOptions, 'compat' | 'imageCacheBytes'>,
  ) {
    this.rotary = rotaryPositions(config.rotary, { sticky: compat?.stickyRotary ?? false });
    this.imageRows = createRowCache(imageCacheBytes ?? DEFAULT_IMAGE_CACHE_BYTES);
  }

  /** What the model really runs on, for people. */
  get device(): string {
    return this.program.device;
  }

  get adapters(): readonly AdapterName[] {
    return this.config.adapters;
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
  openSequence({ capacity, slots = 1, adapter = 'base' }: SequenceOptions): Sequence {
    this.#requireAdapter(adapter);
    return openSequence(this.#runtime(adapter), capacity, slots);
  }

  /**
   * Answers many requests at once. Its slots are caches of `capacity` positions, of which only what is
   * used takes memory on the CPU.
   *
   * @throws InvalidOptionError
   */
  openScheduler(options: SchedulerOptions): Scheduler<AdapterName> {
    const runtime = (adapter: AdapterName) => {
      this.#requireAdapter(adapter);
      return this.#runtime(adapter);
    };
    return new Scheduler({ runtime }, options, 'base');
  }

  /**
   * A picture as the decoder reads it: [positions, hiddenSize]. Tiles pass through the tower one by
   * one, so that only one of them is held at a time. The result belongs to the cache: do not change it.
   */
  async encodeImage(image: TiledImage, signal?: AbortSignal): Promise<HostTensor> {
    return this.imageRows.rows(image.key, () => this.#encodeImage(image, signal));
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
    try {
      await this.program[Symbol.asyncDispose]();
    } finally {
      await this.checkpoint[Symbol.asyncDispose]();
    }
  }

  #runtime(adapter: AdapterName): DecoderRuntime {
    return {
      rotary: this.rotary,
      createCache: (options) => this.program.createCache(options),
      embed: (ids, signal) => this.#embed(ids, signal),
      encodeImage: (image, signal) => this.encodeImage(image, signal),
      decode: (step) => this.#decode(step, adapter),
    };
  }

  async #embed(ids: Int32Array, signal?: AbortSignal): Promise<DeviceTensor> {
    const input = { dtype: 'int32', shape: [ids.length], data: ids } as const;
    const { rows } = await this.program.run('embed', { ids: input }, signal && { signal });
    return rows!;
  }

  async #decode(step: DecodeStep, adapter: AdapterName): Promise<Float32Array> {
    const { kind, x, angles, cache, segments, signal } = step;
    const name: DecodeGraph = `decode${kind === 'text' ? 'Text' : 'Image'}.${adapter}`;
    const shape = [x.shape[0]!, this.config.decoder.headDim / 2];
    const inputs = {
      x,
      cos: { dtype: 'float32', shape, data: angles.cos },
      sin: { dtype: 'float32', shape, data: angles.sin },
    } as const;
    const options = { cache, segments, ...(signal && { signal }) };
    const outputs = await this.program.run(name, inputs, options);
    outputs['hidden']![Symbol.dispose]();
    return (await readOnce(outputs['logits']!)).data as Float32Array;
  }

  async #encodeTile(pixels: Float32Array, signal?: AbortSignal): Promise<HostTensor> {
    const { tileSize } = this.tower;
    const input = { dtype: 'float32', shape: [3, tileSize, tileSize], data: pixels } as const;
    const { rows } = await this.program.run('vision', { pixels: input }, signal && { signal });
    return readOnce(rows!);
  }

  #requireAdapter(adapter: AdapterName): void {
    if (this.adapters.includes(adapter)) return;
    throw new UnsupportedError(
      `This checkpoint has no "${adapter}" adapter: it offers ${this.adapters.join(', ')}. ` +
        'Choose one of these, or open the original InternLM-XComposer-2.5 checkpoint',
    );
  }
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

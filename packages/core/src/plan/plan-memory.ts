import type { KvFormat } from '../backend/backend.ts';
import { UnsupportedError } from '../backend/errors.ts';
import type { MemoryModel, RunSize, WeightMemory, WeightUse } from '../backend/memory-model.ts';
import { weightReaders } from '../backend/weight-readers.ts';
import { PREFILL_CHUNK } from '../generate/sequence.ts';
import type { Graph } from '../graph/graph.ts';
import type { AnyAdapterName, XComposerConfig } from '../models/xcomposer/config.ts';
import { eagerGraphs } from '../models/xcomposer/graphs.ts';
import { type Grid, imageTokens } from '../models/xcomposer/image-rows.ts';
import { requireAdapter } from '../models/xcomposer/require-adapter.ts';
import type { WeightDescription } from '../weights/weight-source.ts';
import type { PlannedModel } from './describe-model.ts';
import { formatBytes } from './format-bytes.ts';
import type { BudgetAdvice } from './memory-budget-error.ts';
import { keepsHalves } from './usual-kv.ts';

/** A part of a prompt: text, or a picture or video that was cut into a grid of tiles. */
export type PromptPart =
  | { readonly type: 'text'; readonly tokens: number }
  | {
      readonly type: 'image';
      readonly grid: Grid;
      /** By which its rows are known once it is encoded. Default: it is known to nobody. */
      readonly key?: string;
    };

export interface MemoryRequest {
  /** In its order. Default: nothing, so that only what opening takes is counted. */
  readonly prompt?: readonly PromptPart[];
  /** Default 0. */
  readonly maxNewTokens?: number;
  /** Answers followed side by side. Default 1. */
  readonly beams?: number;
  /** Sequences like this one that are held at once. Default 1. */
  readonly slots?: number;
  /** A slot has room for a multiple of this many positions. Default 1. */
  readonly capacityStep?: number;
  /**
   * Beams of all slots together, each with room for as much as a slot. Default: `beams` in each slot,
   * for answers alone.
   */
  readonly branches?: number;
  /** Positions that other sequences of the model hold at that time. Default 0. */
  readonly heldPositions?: number;
  /** Bytes of other encoded pictures that the model keeps at that time. Default 0. */
  readonly heldImageRows?: number;
  /** Whether the rows of all positions are wanted, which needs graphs of their own. Default `false`. */
  readonly embeds?: boolean;
  /** Default `base`. */
  readonly adapter?: AnyAdapterName;
}

/** What a request takes, before a byte is read. */
export interface MemoryPlan {
  /** The parts of the prompt, with the positions that each takes. */
  readonly segments: readonly (PromptPart & { readonly tokens: number })[];
  readonly promptTokens: number;
  /** Positions whose keys and values are kept, in all slots and beams together. */
  readonly positions: number;
  readonly bytes: MemoryShares;
  /** The most that is taken at any moment, in bytes. */
  readonly peak: number;
}

/** All in bytes. */
export interface MemoryShares {
  /** Node, lingbi and the runtime's libraries. */
  readonly process: number;
  /** Weights in memory of their own. */
  readonly weights: number;
  /** Weights used where they stand in their files; the system drops these pages when it must. */
  readonly mappedWeights: number;
  /** What loading needs on top; over when the first request comes. */
  readonly loading: number;
  /** Keys and values. */
  readonly cache: number;
  /** Keys and values of one layer, which are there twice while a cache grows. */
  readonly moving: number;
  /** Decoded pictures and the canvases their tiles are cut from. */
  readonly pictures: number;
  /** Encoded pictures, as the decoder reads them. */
  readonly imageRows: number;
  /** What the decoder makes of every position, where that is asked for. */
  readonly embedding: number;
  /** Running the vision tower. */
  readonly vision: number;
  /** Running the decoder on a chunk of the prompt. */
  readonly decoder: number;
  /** Compiling the decoder once more, for runs that opening the model did not prepare. */
  readonly compiling: number;
}

/** Node with what lingbi loads into it, before a model is opened. Measured: 75 to 95 MiB. */
const NODE_BYTES = 90 * 2 ** 20;

/**
 * What a request takes of a model: positions of the prompt, and bytes. Pure arithmetic on shapes.
 *
 * @throws UnsupportedError for an adapter or pictures that the model does not know.
 *
 * ```ts no-run: needs a checkpoint
 * const model = await describeModel({ backend: onnx(), checkpoint, config });
 * const prompt = [{ type: 'image', grid: { rows: 4, columns: 6 } }, { type: 'text', tokens: 60 }];
 * const { promptTokens, peak } = planMemory(model, { prompt, maxNewTokens: 1024, beams: 3 });
 * ```
 */
export function planMemory(model: PlannedModel, request: MemoryRequest = {}): MemoryPlan {
  requireAdapter(model.adapters, request.adapter ?? 'base');
  const segments = (request.prompt ?? []).map((part) => measured(part, model));
  const promptTokens = sumOf(segments.map(({ tokens }) => tokens));
  const held = positionsOf(promptTokens, request, model.memory);
  const runs = runsOf(model, segments, request);
  const bytes = {
    ...weightShares(model, runs, request),
    ...runShares(model, segments, runs, held),
    imageRows: imageRowsShare(model, segments, request),
    moving: layerBytes(model, promptTokens + (request.maxNewTokens ?? 0)),
    embedding: request.embeds ? promptTokens * model.config.decoder.hiddenSize * 4 : 0,
  };
  const { loading, cache, moving, pictures, imageRows, embedding, vision, decoder } = bytes;
  const work = model.memory.keepsWork ? vision + decoder : Math.max(vision, decoder);
  const running = cache + moving + pictures + imageRows + embedding + work + bytes.compiling;
  const peak = bytes.process + bytes.weights + bytes.mappedWeights + Math.max(loading, running);
  return { segments, promptTokens, positions: held.own + held.branches, bytes, peak };
}

/** Which format of keys and values would make a request fit, the most exact of them. */
export function kvAdvice(
  model: PlannedModel,
  fits: (model: PlannedModel) => boolean,
): BudgetAdvice[] {
  // No backend keeps them otherwise on a device.
  if (model.kv === 'int8' || model.memory.place === 'device') return [];
  const canHalve = model.kv === 'float32' && keepsHalves(Object.values(model.graphs), model.memory);
  const formats = canHalve ? (['float16', 'int8'] as const) : (['int8'] as const);
  const value = formats.find((kv) => fits({ ...model, kv }));
  return value ? [{ setting: 'kv', value }] : [];
}

/** The shares, in their order, as people call them. */
export const memoryShareNames: Readonly<Record<keyof MemoryShares, string>> = {
  process: 'the process itself',
  weights: 'weights',
  mappedWeights: 'weights in mapped files',
  loading: 'loading',
  cache: 'keys and values',
  moving: 'a layer that moves when its cache grows',
  pictures: 'pictures',
  imageRows: 'encoded pictures',
  embedding: 'rows of all positions',
  vision: 'the vision tower at work',
  decoder: 'the decoder at work',
  compiling: 'compiling for the answer',
};

/** What takes the most, for messages: `'weights 6.1 GiB'`. */
export function largestShares(bytes: MemoryShares): string[] {
  const entries = Object.entries(bytes) as [keyof MemoryShares, number][];
  const largest = entries.sort(([, a], [, b]) => b - a).slice(0, 2);
  return largest.map(([name, share]) => `${memoryShareNames[name]} ${formatBytes(share)}`);
}

interface PlannedRun {
  readonly graph: Graph;
  readonly size: RunSize;
}

function measured(part: PromptPart, { config }: PlannedModel) {
  if (part.type === 'text') return part;
  return { ...part, tokens: imageTokens(part.grid, cellsPerSide(config)) };
}

interface HeldPositions {
  /** Of sequences themselves. */
  readonly own: number;
  /** What beams add, which stays in float32 until they are over. */
  readonly branches: number;
}

/** The sequence itself and its beams, which hold a past of their own only where they must. */
function positionsOf(
  prompt: number,
  request: MemoryRequest,
  { sharesPasts }: MemoryModel,
): HeldPositions {
  const { maxNewTokens = 0, slots = 1, heldPositions = 0, branches } = request;
  const whole = prompt + maxNewTokens;
  const branch = sharesPasts && branches === undefined ? maxNewTokens : whole;
  return { own: heldPositions + slots * whole, branches: branchesOf(request) * branch };
}

/** Slots that only continue others. */
function branchesOf({ branches, beams = 1, slots = 1 }: MemoryRequest): number {
  return branches ?? (beams > 1 ? beams * slots : 0);
}

/** What opening the model takes, and those weights in files that the request touches. */
function weightShares(
  model: PlannedModel,
  runs: readonly PlannedRun[],
  { embeds = false }: MemoryRequest,
) {
  const used = runs.map(({ graph }) => graph);
  const opened = [...eagerGraphs(model.graphs), ...used];
  const loaded = weightsOf(opened, model);
  const touched = weightsOf(used, model);
  const late = runs.filter(({ size }) => embeds || model.memory.compilesLate(size));
  return {
    process: NODE_BYTES + model.memory.runtime,
    weights: sumOf([...loaded.map(({ kept }) => kept), ...touched.map(({ onUse }) => onUse)]),
    mappedWeights: sumOf(touched.map(({ mapped }) => mapped)),
    loading: Math.max(...loaded.map(({ passing }) => passing), mostCompiling(opened, model)),
    compiling: mostCompiling(
      late.map(({ graph }) => graph),
      model,
    ),
  };
}

/** Graphs are compiled one after the other. */
function mostCompiling(graphs: readonly Graph[], model: PlannedModel): number {
  const each = graphs.map((graph) => weightsOf([graph], model).map(({ compiling }) => compiling));
  return Math.max(0, ...each.map(sumOf));
}

function runShares(
  { memory, config, graphs, kv }: PlannedModel,
  segments: MemoryPlan['segments'],
  runs: readonly PlannedRun[],
  { own, branches }: HeldPositions,
) {
  const { cache } = graphs['decodeText.base'];
  const positionIn = (format: KvFormat) =>
    sumOf(cache.map((layer) => memory.position(layer, format)));
  const pictures = segments.filter((part) => part.type === 'image');
  const work = (decodes: boolean) => {
    const some = runs.filter(({ graph }) => graph.cache.length > 0 === decodes);
    const bytes = some.map(({ graph, size }) => memory.work(graph, size));
    return memory.keepsWork ? sumOf(bytes) : Math.max(0, ...bytes);
  };
  return {
    cache: own * positionIn(kv) + branches * positionIn('float32'),
    pictures: sumOf(pictures.map(({ grid }) => canvasBytes(grid, config))),
    vision: work(false),
    decoder: work(true),
  };
}

/**
 * What is kept of encoded pictures. The one being read is held besides until the cache has made room for
 * it, and copied for an adapter that has separators of its own.
 */
function imageRowsShare(
  model: PlannedModel,
  segments: MemoryPlan['segments'],
  { adapter = 'base', heldImageRows = 0 }: MemoryRequest,
): number {
  const own = encodedPictures(model, segments).map(({ bytes }) => bytes);
  const largest = Math.max(0, ...own);
  const copied = model.copyingAdapters?.has(adapter) ? largest : 0;
  return Math.min(heldImageRows + sumOf(own), model.imageCacheBytes + largest) + copied;
}

/** A picture as the decoder reads it. */
export interface EncodedPicture {
  readonly key: string | undefined;
  readonly bytes: number;
}

export function encodedPictures(
  { config }: Pick<PlannedModel, 'config'>,
  segments: MemoryPlan['segments'],
): readonly EncodedPicture[] {
  return segments.flatMap((part) => {
    if (part.type === 'text') return [];
    return [{ key: part.key, bytes: part.tokens * config.decoder.hiddenSize * 4 }];
  });
}

/** Keys and values of so many positions in the layer that takes most. */
function layerBytes({ memory, graphs, kv }: PlannedModel, positions: number): number {
  const { cache } = graphs['decodeText.base'];
  return positions * Math.max(0, ...cache.map((layer) => memory.position(layer, kv)));
}

/** A canvas of bytes, and the picture it was made of, which is about as large. */
function canvasBytes({ rows, columns }: Grid, { vision }: XComposerConfig): number {
  return 2 * rows * columns * 3 * (vision?.tower.tileSize ?? 0) ** 2;
}

const ONE_TILE: RunSize = {
  ...{ tokens: 0, sequences: 1, branches: 0, capacity: 0 },
  kv: 'float32',
};

/** The longest run of the graph for one kind of part: a chunk of it, or a step of all beams. */
function runSize(
  segments: MemoryPlan['segments'],
  kind: PromptPart['type'],
  request: MemoryRequest,
  kv: KvFormat,
): RunSize {
  const { maxNewTokens = 0, slots = 1, capacityStep = 1 } = request;
  const prompt = sumOf(segments.map(({ tokens }) => tokens));
  const parts = segments.filter(({ type }) => type === kind).map(({ tokens }) => tokens);
  const capacity = Math.ceil((prompt + maxNewTokens) / capacityStep) * capacityStep;
  const branches = branchesOf(request);
  const sequences = request.branches === undefined && branches > 0 ? branches : slots + branches;
  const tokens = Math.max(sequences, Math.min(Math.max(0, ...parts), PREFILL_CHUNK));
  return { tokens, sequences, branches, capacity, kv };
}

/** The graphs that a request runs, with the longest run of each. */
function runsOf(
  { graphs, kv }: PlannedModel,
  segments: MemoryPlan['segments'],
  request: MemoryRequest,
): readonly PlannedRun[] {
  if (segments.length === 0) return [];
  const { adapter = 'base' } = request;
  const run = (name: string, size: RunSize) => ({ graph: graphs[name]!, size });
  const text = run(`decodeText.${adapter}`, runSize(segments, 'text', request, kv));
  if (!segments.some(({ type }) => type === 'image')) return [text];
  const image = run(`decodeImage.${adapter}`, runSize(segments, 'image', request, kv));
  return [text, image, run('vision', ONE_TILE)];
}

/** Each weight of the graphs once. */
function weightsOf(graphs: readonly Graph[], { weights, memory }: PlannedModel): WeightMemory[] {
  const readers = weightReaders(graphs);
  const company = companyOf(graphs, weights);
  const all = new Map(graphs.flatMap((graph) => graph.weights).map((each) => [each.name, each]));
  return [...all.values()].map((weight) =>
    memory.weight({
      weight,
      description: weights.describe(weight.name),
      readers: readers.get(weight.name)!,
      company: company.get(weight.name)!,
    }),
  );
}

/** How what stands beside each weight in its graphs is stored, by its name. */
function companyOf(graphs: readonly Graph[], weights: PlannedModel['weights']) {
  const company = new Map<string, WeightUse['company']>();
  const described = new Map<string, WeightDescription>();
  for (const { weights: own } of graphs) {
    for (const { name } of own) described.set(name, described.get(name) ?? weights.describe(name));
    const all = own.map(({ name }) => described.get(name)!);
    for (const { name } of own) company.set(name, new Set([...all, ...(company.get(name) ?? [])]));
  }
  return company;
}

function cellsPerSide({ vision }: XComposerConfig): number {
  if (!vision) throw new UnsupportedError('This checkpoint reads only text: plan no pictures');
  return vision.tower.tileSize / vision.tower.patchSize / 2;
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

/** How ONNX Runtime uses memory, measured by `npm run bench -- memory`. */
import {
  BYTES_PER_NUMBER,
  liveBytes,
  type MemoryModel,
  type Node,
  type OpName,
  partsOf,
  type RunSize,
  tensorBytes,
  type WeightMemory,
  type WeightUse,
} from '@lingbi/core';
import { attendsByKernel } from './lower-graph.ts';
import { headsAtOnce } from './lowerings/chunk-attention.ts';
import { roundsActivations, type Settings } from './options.ts';
import { multiplierOf } from './packing.ts';
import { positionBytes } from './position-bytes.ts';
import { storedHeadDim } from './stored-head-dim.ts';

const MiB = 2 ** 20;

/** The library, its environment, and some ten sessions with their threads and models. */
const RUNTIME_BYTES = 65 * MiB;

export function memoryModel(settings: Settings): MemoryModel {
  const { provider } = settings;
  const canMap = process.platform !== 'win32';
  const kernelOptions = { ownKernels: settings.ownKernels, fusedRotary: provider === 'cpu' };
  return {
    place: provider === 'cpu' ? 'process' : 'device',
    runtime: RUNTIME_BYTES,
    weight: (use) => weightMemory(use, { canMap, settings }),
    position: positionBytes,
    keepsHalves: (graph) => attendsByKernel(graph, kernelOptions),
    sharesPasts: provider === 'cpu',
    work: (graph, size) => {
      const isOurs = attendsByKernel(graph, kernelOptions);
      const live = liveBytes(graph, size, {
        inPlace,
        workspace: (node) => workspace(node, size) + (isOurs ? 0 : widened(node, size)),
      });
      return graph.cache.length > 0 ? ARENA_SLACK * live : live; // a tile is as long as any other
    },
    compilesLate: ({ kv, branches }) => kv === 'int8' || branches > 0,
    keepsWork: true, // each session's arena keeps what it once had
  };
}

/**
 * Dense matrices become float32 and tables stay as they are; both are used where they stand if a file
 * holds them so. Encoded ones stand where they are if our kernels multiply by them; otherwise they are
 * packed when their graph is compiled, and their files then let go (docs/decisions/016).
 */
function weightMemory(use: WeightUse, kept: Kept): WeightMemory {
  const { weight, description } = use;
  const multiplier = multiplierOf(weight.shape, description.encoding, kept.settings);
  if (multiplier === 'lingbi') return standingMemory(use, kept);
  return multiplier ? packedMemory(use, kept) : denseMemory(use, kept);
}

/** In its file, unless it moves: that happens whether somebody asks for it or not, and the system cannot drop it then. */
function standingMemory(
  { weight, description }: WeightUse,
  { canMap, settings }: Kept,
): WeightMemory {
  const stored = sumOf([...partsOf(weight.shape, description.encoding).values()]);
  const stays = canMap && description.at && settings.largePages === 'never';
  return stays ? { ...nothing, mapped: stored } : { ...nothing, kept: stored };
}

function packedMemory(
  { weight, description }: WeightUse,
  { canMap, settings }: Kept,
): WeightMemory {
  const { encoding, at } = description;
  const parts = partsOf(weight.shape, encoding);
  const stored = sumOf([...parts.values()]);
  const { length: scales, dtype } = parts.get('scales')!;
  const wide = (4 * scales) / BYTES_PER_NUMBER[dtype];
  // Kernels that round activations pack a sum of each block beside its scale, and need no zero points.
  const packed = roundsActivations(settings) && encoding.kind === 'blocks';
  const own = parts.get('values')!.length + (packed ? 2 * wide : 0);
  // They know scales in float32 only: others are widened when they are loaded, and no file is mapped for them.
  const isWidened = dtype !== 'float32';
  const inFile = isWidened ? stored - scales : stored;
  const kept = own + (isWidened ? wide : 0);
  const passing = isWidened ? scales : 0;
  if (!canMap || !at) return { ...nothing, kept: kept + inFile, passing };
  const used = packed ? 0 : inFile - parts.get('values')!.length;
  return { ...nothing, kept, mapped: used, passing, compiling: inFile - used };
}

function denseMemory(use: WeightUse, { canMap, settings }: Kept): WeightMemory {
  const { weight, readers, description, company } = use;
  const { encoding, at } = description;
  const stored = sumOf([...partsOf(weight.shape, encoding).values()]);
  const isMapped = canMap && at !== undefined;
  if (readers.size === 1 && readers.has('embed'))
    return isMapped ? nothing : { ...nothing, kept: stored };
  const wide = weight.shape.reduce((product, length) => product * length, 4);
  // A graph packs all of its matrices or none.
  const isPacked = settings.prepack || hasPacked(company, settings);
  const packed = isPacked && weight.shape.length === 2 && readers.has('linear') ? wide : 0;
  const isFloat32 = encoding.kind === 'dense' && encoding.dtype === 'float32';
  if (isMapped && isFloat32) return { ...nothing, kept: packed, mapped: wide };
  return { ...nothing, kept: wide + packed, passing: stored };
}

function hasPacked(company: WeightUse['company'], settings: Settings): boolean {
  return [...company].some(
    ({ shape, encoding }) => multiplierOf(shape, encoding, settings) === 'onnxruntime',
  );
}

const nothing: WeightMemory = { kept: 0, mapped: 0, onUse: 0, passing: 0, compiling: 0 };

interface Kept {
  /** Whether files can be mapped here. */
  readonly canMap: boolean;
  readonly settings: Settings;
}

function sumOf(parts: readonly { readonly length: number }[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}

/**
 * The first run of a length allocates value by value, the second plans them into one piece, and runs
 * of other lengths come between: the arena keeps it all, and its gaps.
 */
const ARENA_SLACK = 3;

const inPlace: ReadonlySet<OpName> = new Set(['add', 'multiply', 'scale', 'activate', 'reshape']);

/**
 * Where no kernel of ours attends, a chunk over a past in int8 gets the numbers of a few heads, and a copy
 * with its own behind them.
 */
function widened({ op, attributes }: Node, { capacity, kv }: RunSize): number {
  if (op !== 'attention' || kv === 'float32') return 0;
  return 2 * 2 * headsAtOnce(attributes.cache) * storedHeadDim(attributes.cache) * capacity * 4;
}

/**
 * Attention among the patches of a tile holds the weights of all heads. Attention over a past works
 * through it in pieces: it takes a turned copy of its queries, which are among its rows, and products
 * round their rows to int8.
 */
function workspace({ op, inputs, attributes }: Node, size: RunSize): number {
  const [rows] = inputs;
  switch (op) {
    case 'selfAttention':
      return attributes.heads * Number(rows!.shape.at(-2)) ** 2 * 4;
    case 'attention':
      return tensorBytes(rows!, size);
    case 'linear':
      return tensorBytes(rows!, size) / 4;
    default:
      return 0;
  }
}

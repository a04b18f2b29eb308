/** How ONNX Runtime uses memory, measured by `npm run bench -- memory`. */
import {
  liveBytes,
  type MemoryModel,
  type Node,
  type OpName,
  partsOf,
  type RunSize,
  type WeightMemory,
  type WeightUse,
} from '@lingbi/core';
import { headsAtOnce } from './lowerings/chunk-attention.ts';
import type { Settings } from './options.ts';
import { storedHeadDim } from './stored-head-dim.ts';

const MiB = 2 ** 20;

/** The library, its environment, and some ten sessions with their threads and models. */
const RUNTIME_BYTES = 65 * MiB;

export function memoryModel({ provider, prepack }: Settings): MemoryModel {
  const canMap = process.platform !== 'win32';
  return {
    place: provider === 'cpu' ? 'process' : 'device',
    runtime: RUNTIME_BYTES,
    weight: (use) => weightMemory(use, { canMap, packs: prepack }),
    position: (layer, kv) =>
      2 * layer.kvHeads * (kv === 'int8' ? storedHeadDim(layer) + 4 : storedHeadDim(layer) * 4),
    sharesPasts: provider === 'cpu',
    work: (graph, size) => {
      const live = liveBytes(graph, size, {
        inPlace,
        workspace: (node) => workspace(node) + widened(node, size),
      });
      return graph.cache.length > 0 ? ARENA_SLACK * live : live; // a tile is as long as any other
    },
    keepsWork: true, // each session's arena keeps what it once had
  };
}

/**
 * Dense matrices become float32 and tables stay as they are; both are used where they stand if a file
 * holds them so. Encoded ones are packed when their graph is compiled, and their files then let go
 * (docs/decisions/016).
 */
function weightMemory(use: WeightUse, { canMap, packs }: Kept): WeightMemory {
  const {
    weight,
    readers,
    description: { encoding, at },
  } = use;
  const stored = sumOf([...partsOf(weight.shape, encoding).values()]);
  const isMapped = canMap && at !== undefined;
  const nothing = { kept: 0, mapped: 0, passing: 0, compiling: 0 };
  if (encoding.kind !== 'dense') {
    return { ...nothing, kept: isMapped ? stored : 2 * stored, compiling: isMapped ? stored : 0 };
  }
  if (readers.size === 1 && readers.has('embed'))
    return isMapped ? nothing : { ...nothing, kept: stored };
  const wide = weight.shape.reduce((product, length) => product * length, 4);
  const packed = packs && weight.shape.length === 2 ? wide : 0;
  if (isMapped && encoding.dtype === 'float32') return { ...nothing, kept: packed, mapped: wide };
  return { ...nothing, kept: wide + packed, passing: stored };
}

interface Kept {
  /** Whether files can be mapped here. */
  readonly canMap: boolean;
  /** Whether dense matrices get a packed copy. */
  readonly packs: boolean;
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

/** A chunk over a past in int8 gets the numbers of a few heads, and a copy with its own behind them. */
function widened({ op, attributes }: Node, { capacity, kv }: RunSize): number {
  if (op !== 'attention' || kv === 'float32') return 0;
  return 2 * 2 * headsAtOnce(attributes.cache) * storedHeadDim(attributes.cache) * capacity * 4;
}

/**
 * Attention among the patches of a tile holds the weights of all heads. Attention over a past works
 * through it in pieces, and takes next to nothing.
 */
function workspace({ op, inputs, attributes }: Node): number {
  if (op !== 'selfAttention') return 0;
  const rows = Number(inputs[0]!.shape.at(-2));
  return attributes.heads * rows * rows * 4;
}

import type { CacheLayer, Graph, OpName, Weight } from '../graph/graph.ts';
import type { WeightDescription } from '../weights/weight-source.ts';
import type { KvFormat } from './backend.ts';

/** A parameter, how it is stored, and which operations use it. */
export interface WeightUse {
  readonly weight: Weight;
  readonly description: WeightDescription;
  readonly readers: ReadonlySet<OpName>;
  /** How the weights of all graphs that use it are stored, itself included. */
  readonly company: ReadonlySet<WeightDescription>;
}

/** In bytes. */
export interface WeightMemory {
  /** What stays as long as the program is open. */
  readonly kept: number;
  /** Pages of a file that are used where they stand: the system can drop them and read them again. */
  readonly mapped: number;
  /** A copy that the first run which uses it makes, and keeps. */
  readonly onUse: number;
  /** What is needed on top for the moment in which it is loaded. */
  readonly passing: number;
  /** What is needed on top until the graphs that use it are compiled. */
  readonly compiling: number;
}

/** Lengths that a run settles. */
export interface RunSize {
  /** New rows. */
  readonly tokens: number;
  /** Sequences that they continue. */
  readonly sequences: number;
  /** How many of them share the past of one they continue (`KvCache.extend`). */
  readonly branches: number;
  /** How many positions a slot of the cache can hold. */
  readonly capacity: number;
  /** How keys and values are kept. */
  readonly kv: KvFormat;
}

/**
 * How a backend uses memory, as far as it can tell before anything is loaded; all in bytes. Knows
 * nothing of prompts or pictures: `planMemory` puts these together.
 */
export interface MemoryModel {
  /** Whose memory it is: this process's, or a device's. */
  readonly place: 'process' | 'device';
  /** The runtime itself, before the first weight. */
  readonly runtime: number;
  weight(use: WeightUse): WeightMemory;
  /** Keys and values of one position in one layer. */
  position(layer: CacheLayer, kv: KvFormat): number;
  /** Whether its caches can be in float16 for this graph. Without it, they cannot. */
  keepsHalves?(graph: Graph): boolean;
  /** Whether a slot that continues another holds only what it adds (`KvCache.extend`). */
  readonly sharesPasts: boolean;
  /** What one run of a graph takes beside weights and cache. */
  work(graph: Graph, size: RunSize): number;
  /** Whether the first run of its kind compiles a graph anew, while all else is in memory. */
  compilesLate(size: RunSize): boolean;
  /** Whether that stays taken after the run: then what several graphs take adds up. */
  readonly keepsWork: boolean;
}

import { type Backend, type Graph, kernelBackend, UnsupportedError } from '@lingbi/core';
import type { EngineName, EngineReport, TensorFlow } from './engines/engine.ts';
import { openEngine } from './engines/open-engine.ts';
import { kernelTable } from './kernel-table.ts';
import { checkLimits } from './memory/check-limits.ts';
import type { WeightFormat } from './weights/format.ts';

export interface TfjsOptions {
  /** Default: the fastest of tensorflow, wasm and cpu that is installed. */
  readonly engine?: EngineName | 'auto';
  /** Default: `await import('@tensorflow/tfjs')`, when the first model is compiled. */
  readonly tf?: TensorFlow;
  /**
   * Path of a native tfjs_binding.node for the `tensorflow` engine. Default: the environment's
   * LINGBI_TFJS_BINDING, else the one that tfjs-node-gpu or tfjs-node has installed.
   */
  readonly binding?: string;
  /**
   * How matrices are kept. Default: `float32`. Smaller formats need the `tensorflow` engine: they
   * halve, quarter or eighth the memory of the linears, see the README for what they cost.
   */
  readonly weights?: WeightFormat;
}

export interface TfjsBackend extends Backend {
  /** Opens the engine, if that has not happened yet, and tells which one it is and why. */
  engine(): Promise<EngineReport>;
}

/**
 * Runs graphs on TensorFlow.js. Nothing is imported before the first `compile()` or `engine()`.
 *
 * TensorFlow.js has one active engine a process. This backend leaves yours active: it activates its
 * own only while one of its kernels runs. A process that has chosen none gets this one.
 */
export function tfjs(options: TfjsOptions = {}): TfjsBackend {
  const { engine = 'auto', tf, weights: format = 'float32' } = options;
  const binding = options.binding ?? process.env['LINGBI_TFJS_BINDING'];
  const open = once(async () => {
    const opened = await openEngine({ engine, tf, binding });
    requireFormat(opened.name, format);
    return { engine: opened, backend: kernelBackend(kernelTable(opened, format)) };
  });
  return {
    name: engine === 'auto' ? 'tfjs' : `tfjs (${engine})`,
    engine: async () => (await open()).engine.report,
    compile: async (graphs, weights, compileOptions) => {
      const { engine, backend } = await open();
      checkLimits(engine.name, Object.values(graphs), eagerGraphs(graphs, compileOptions?.lazy));
      return backend.compile(graphs, weights, compileOptions);
    },
  };
}

function requireFormat(engine: EngineName, format: WeightFormat): void {
  if (engine === 'tensorflow' || format === 'float32') return;
  throw new UnsupportedError(
    `The TensorFlow.js engine "${engine}" cannot keep weights as ${format}, only as float32. ` +
      "Leave the option weights out, or use engine 'tensorflow', which needs @tensorflow/tfjs-node",
  );
}

function eagerGraphs(
  graphs: Readonly<Record<string, Graph>>,
  lazy: readonly string[] = [],
): Graph[] {
  return Object.entries(graphs).flatMap(([name, graph]) => (lazy.includes(name) ? [] : [graph]));
}

/** Remembers what `make` gave; a failure is forgotten, so that the next call tries again. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}

import { type Backend, type Graph, kernelBackend, UnsupportedError } from '@lingbi/core';
import { isOnGpu } from './engines/describe-device.ts';
import type { EngineName, EngineReport } from './engines/engine.ts';
import { openEngine } from './engines/open-engine.ts';
import { kernelTable } from './kernel-table.ts';
import { checkLimits } from './memory/check-limits.ts';
import { memoryModel } from './memory/memory-model.ts';
import { settle, type TfjsOptions } from './options.ts';
import type { WeightFormat } from './weights/format.ts';

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
  const settings = settle(options);
  const { engine, weights: format } = settings;
  const open = once(async () => {
    const opened = await openEngine(settings);
    requireFormat(opened.name, format);
    return { engine: opened, backend: kernelBackend(kernelTable(opened, format)) };
  });
  return {
    name: engine === 'auto' ? 'tfjs' : `tfjs (${engine})`,
    engine: async () => (await open()).engine.report,
    memory: async () => {
      const { name, tf } = (await open()).engine;
      return memoryModel(name, isOnGpu(name, tf), format);
    },
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

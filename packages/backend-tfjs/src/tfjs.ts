import { type Backend, kernelBackend } from '@lingbi/core';
import type { EngineName, EngineReport, TensorFlow } from './engines/engine.ts';
import { openEngine } from './engines/open-engine.ts';
import { kernelTable } from './kernel-table.ts';

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
  const { engine = 'auto', tf, binding = process.env['LINGBI_TFJS_BINDING'] } = options;
  const open = once(async () => {
    const opened = await openEngine({ engine, tf, binding });
    return { engine: opened, backend: kernelBackend(kernelTable(opened)) };
  });
  return {
    name: engine === 'auto' ? 'tfjs' : `tfjs (${engine})`,
    engine: async () => (await open()).engine.report,
    compile: async (graphs, weights, compileOptions) => {
      const { backend } = await open();
      return backend.compile(graphs, weights, compileOptions);
    },
  };
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

import { type Backend, checkWeights, type Graph } from '@lingbi/core';
import { mergeLayers } from './cache-layers.ts';
import { loadRuntime } from './library.ts';
import { memoryModel } from './memory-model.ts';
import { type OnnxOptions, settle } from './options.ts';
import { OnnxProgram } from './program.ts';
import { findProvider } from './providers.ts';

/**
 * Runs graphs on ONNX Runtime through its C API. Nothing is loaded before the first `compile`.
 *
 * @throws RangeError for options that cannot be. `compile` throws MissingLibraryError,
 * IncompatibleLibraryError and MissingProviderError as well.
 *
 * @example
 * const program = await onnx({ threads: 4 }).compile({ decode }, weights);
 */
export function onnx(options: OnnxOptions = {}): Backend {
  const settings = settle(options);
  return {
    name: 'onnx',
    memory: async () => memoryModel(settings),
    async compile(graphs, weights, compileOptions = {}) {
      const all: Graph[] = Object.values(graphs);
      mergeLayers(all);
      checkWeights(all, weights);
      const runtime = loadRuntime(settings.library);
      const provider = findProvider(settings.provider, runtime);
      const program = new OnnxProgram(runtime, provider, settings, graphs, weights);
      await program.open(compileOptions);
      return program;
    },
  };
}

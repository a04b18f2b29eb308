import { totalmem } from 'node:os';
import type { EngineName } from '../engines/engine.ts';

/** WebAssembly addresses 4 GiB; TensorFlow.js aborts the process at about 3.8 of them. */
export const WASM_LIMIT: number = 3.8 * 2 ** 30;

/** Beyond this a WebGPU binding computes wrong numbers without an error (its specified default). */
export const WEBGPU_BUFFER_LIMIT: number = 128 * 2 ** 20;

/** How many bytes an engine can have in all; undefined when only its GPU knows. */
export function memoryLimit(engine: EngineName): number | undefined {
  switch (engine) {
    case 'wasm':
      return WASM_LIMIT;
    case 'webgpu':
      return undefined;
    case 'cpu':
    case 'tensorflow':
      return totalmem();
    default:
      throw engine satisfies never;
  }
}

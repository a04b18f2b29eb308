/** The TensorFlow.js engines a backend can run on. */
export const ENGINE_NAMES = ['tensorflow', 'wasm', 'cpu', 'webgpu'] as const;

/**
 * `tensorflow` is the native library (tfjs-node, tfjs-node-gpu), `wasm` needs no native code, `cpu`
 * is plain JavaScript, `webgpu` is experimental.
 */
export type EngineName = (typeof ENGINE_NAMES)[number];

/** The union package: `import * as tf from '@tensorflow/tfjs'`. */
export type TensorFlow = typeof import('@tensorflow/tfjs');

/** Which engine runs, and why this one. */
export interface EngineReport {
  readonly engine: EngineName;
  /** What it runs on, for people: `'TensorFlow.js on WebAssembly, 1 thread'`. */
  readonly device: string;
  /** Why it was taken: it was asked for, or what stood before it could not be had. */
  readonly reason: string;
  /** Engines that were tried before it, with what was missing. */
  readonly refused: readonly { readonly engine: EngineName; readonly because: string }[];
}

/** What a computation needs to know of where it runs. */
export interface Place {
  readonly tf: TensorFlow;
  readonly name: EngineName;
}

/** An engine that is ready to run. */
export interface Engine extends Place {
  readonly report: EngineReport;
}

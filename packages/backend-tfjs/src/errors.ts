import type { EngineName } from './engines/engine.ts';

/** An engine cannot be used here: a package, its binding or a device is missing. */
export class EngineUnavailableError extends Error {
  override readonly name = 'EngineUnavailableError';
  constructor(
    readonly engine: EngineName | 'auto',
    /** What is missing. */
    readonly because: string,
    /** What would put it right. */
    readonly fix: string,
    options?: ErrorOptions,
  ) {
    super(`Cannot run on the TensorFlow.js engine "${engine}": ${because}. ${fix}`, options);
  }
}

/** A model needs more memory than the engine can have. */
export class EngineMemoryError extends Error {
  override readonly name = 'EngineMemoryError';
  constructor(
    readonly engine: EngineName,
    /** In bytes. */
    readonly needed: number,
    /** In bytes. */
    readonly limit: number,
  ) {
    super(
      `The weights need ${gibibytes(needed)} on the TensorFlow.js engine "${engine}", which aborts the process beyond ${gibibytes(limit)}. ` +
        "Use tfjs({ engine: 'tensorflow', weights: 'int8' }), which needs @tensorflow/tfjs-node, or another backend such as onnx()",
    );
  }
}

/** A weight or an intermediate result is larger than one buffer of the engine may be. */
export class BufferLimitError extends Error {
  override readonly name = 'BufferLimitError';
  constructor(
    readonly engine: EngineName,
    /** Which weight or result it is. */
    readonly what: string,
    /** In bytes. */
    readonly bytes: number,
    /** In bytes. */
    readonly limit: number,
  ) {
    super(
      `${what} takes ${mebibytes(bytes)}, but a buffer of the TensorFlow.js engine "${engine}" holds at most ${mebibytes(limit)}; beyond that it computes wrong numbers without an error. ` +
        "Use engine 'tensorflow' or 'wasm', or feed fewer tokens at once",
    );
  }
}

export function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

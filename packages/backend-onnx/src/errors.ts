/** ONNX Runtime's native library is not where it should be. */
export class MissingLibraryError extends Error {
  override readonly name = 'MissingLibraryError';
  constructor(
    /** What was looked for. */
    readonly library: string,
    readonly searched: string,
    remedy: string,
    options?: ErrorOptions,
  ) {
    super(`Cannot find ${library} in ${searched}. ${remedy}`, options);
  }
}

/** The native library is there, but it is not one that this package knows how to call. */
export class IncompatibleLibraryError extends Error {
  override readonly name = 'IncompatibleLibraryError';
  constructor(
    readonly path: string,
    readonly version: string,
    readonly wanted: string,
  ) {
    super(
      `${path} is ONNX Runtime ${version}, but @lingbi/backend-onnx calls ${wanted}. ` +
        'Install the version its package.json names: npm install onnxruntime-node@1.30.0',
    );
  }
}

/** Kernels of ours work for one ONNX Runtime of a process, and another one asked for them. */
export class KernelsInUseError extends Error {
  override readonly name = 'KernelsInUseError';
  constructor(
    /** The ONNX Runtime that gets none. */
    readonly library: string,
  ) {
    super(
      `${library} cannot run lingbi's kernels: another ONNX Runtime of this process does already. ` +
        "Do without them here: onnx({ kernels: 'onnxruntime' })",
    );
  }
}

/** A provider was asked for whose own libraries or devices are missing. */
export class MissingProviderError extends Error {
  override readonly name = 'MissingProviderError';
  constructor(
    readonly provider: string,
    readonly missing: string,
    remedy: string,
    options?: ErrorOptions,
  ) {
    super(`The ${provider} provider cannot start: ${missing}. ${remedy}`, options);
  }
}

/** A weight's bytes do not fit its description, so they must not reach native code. */
export class WeightBytesError extends Error {
  override readonly name = 'WeightBytesError';
  constructor(
    readonly weight: string,
    detail: string,
  ) {
    super(`Cannot bind ${weight}: ${detail}`);
  }
}

/** Weights were to move into large pages, and the system neither took them nor gave back where they stood. */
export class LostWeightsError extends Error {
  override readonly name = 'LostWeightsError';
  constructor(
    /** Of weights that are in no memory any more. */
    readonly bytes: number,
  ) {
    super(
      `${bytes} bytes of weights are lost: the system ran out of memory or of mappings while they moved into large pages. ` +
        "Open the model again, with onnx({ largePages: 'never' }) or more memory",
    );
  }
}

/** ONNX Runtime refused or failed; the message carries its own words. */
export class OnnxRuntimeError extends Error {
  override readonly name = 'OnnxRuntimeError';
  constructor(
    /** What was being done, "running decode". */
    readonly doing: string,
    /** ONNX Runtime's OrtErrorCode. */
    readonly code: number,
    /** What ONNX Runtime said. */
    readonly said: string,
  ) {
    super(`ONNX Runtime failed while ${doing}: ${said}`);
  }
}

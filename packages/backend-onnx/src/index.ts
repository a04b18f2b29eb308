export { onnx } from './backend.ts';
export {
  IncompatibleLibraryError,
  KernelsInUseError,
  LostWeightsError,
  MissingLibraryError,
  MissingProviderError,
  OnnxRuntimeError,
  WeightBytesError,
} from './errors.ts';
export { missingKernels } from './kernels.ts';
export type { AccuracyLevel, LargePagesOption, Multiplier, OnnxOptions } from './options.ts';
export type { ProviderName } from './providers.ts';

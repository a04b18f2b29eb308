export { onnx } from './backend.ts';
export {
  IncompatibleLibraryError,
  MissingLibraryError,
  MissingProviderError,
  OnnxRuntimeError,
  WeightBytesError,
} from './errors.ts';
export type { AccuracyLevel, OnnxOptions } from './options.ts';
export type { ProviderName } from './providers.ts';

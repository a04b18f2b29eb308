export type { EngineName, EngineReport, TensorFlow } from './engines/engine.ts';
export { BufferLimitError, EngineMemoryError, EngineUnavailableError } from './errors.ts';
export type { TfjsOptions } from './options.ts';
export { type TfjsBackend, tfjs } from './tfjs.ts';
export type { WeightFormat } from './weights/format.ts';

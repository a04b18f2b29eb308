export type { EngineName, EngineReport, TensorFlow } from './engines/engine.ts';
export { BufferLimitError, EngineMemoryError, EngineUnavailableError } from './errors.ts';
export { type TfjsBackend, type TfjsOptions, tfjs } from './tfjs.ts';

export { type TorchTensor, torchFile } from '../weights/test-files/torch-file.ts';
export { expectClose } from './compare.ts';
export { type GenerationSuite, testGeneration } from './generation-suite.ts';
export { int32, noise, randomFloats } from './noise.ts';
export { noiseWeights } from './noise-weights.ts';
export { relativeError } from './relative-error.ts';
export { type BackendTolerances, testBackend } from './test-backend.ts';

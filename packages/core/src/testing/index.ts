export { expectClose, relativeError } from './compare.ts';
export { int32, noise, randomFloats } from './noise.ts';
export { noiseWeights } from './noise-weights.ts';
export { type BackendTolerances, testBackend } from './test-backend.ts';

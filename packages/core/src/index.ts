export type {
  Backend,
  CompileOptions,
  CompileProgress,
  DeviceTensor,
  HostArray,
  HostTensor,
  Inputs,
  KvCache,
  Outputs,
  Program,
  RunOptions,
  Segment,
} from './backend/backend.ts';
export { checkWeights, WeightShapeError } from './backend/check-weights.ts';
export { CacheFullError, RunError, UnsupportedError } from './backend/errors.ts';
export { GraphError } from './graph/errors.ts';
export type {
  Activation,
  CacheLayer,
  Dim,
  DType,
  Graph,
  Node,
  NodeOf,
  OpAttributes,
  OpName,
  Shape,
  Tensor,
  Weight,
} from './graph/graph.ts';
export { isWeight } from './graph/graph.ts';
export { printGraph } from './graph/print-graph.ts';
export { type InputSpec, inScope, record, trace } from './graph/trace.ts';
export type { TiledImage } from './models/tiled-image.ts';
export * from './ops/index.ts';
export type {
  Encoding,
  FileRange,
  StoredDType,
  WeightDescription,
  WeightPart,
  WeightSource,
} from './weights/weight-source.ts';

export type { AdapterConfig } from './adapters/adapter-config.ts';
export { AdapterError } from './adapters/adapter-error.ts';
export { AdapterUnloadedError } from './adapters/adapter-unloaded-error.ts';
export { mergedCheckpoint } from './adapters/merged-checkpoint.ts';
export { type LoraAdapter, type LoraPair, openAdapter } from './adapters/open-adapter.ts';
export type {
  Backend,
  CacheOptions,
  CacheRoom,
  CompileOptions,
  CompileProgress,
  DeviceTensor,
  Extension,
  HostArray,
  HostTensor,
  Inputs,
  KvCache,
  KvFormat,
  Outputs,
  Program,
  RunOptions,
  Segment,
} from './backend/backend.ts';
export { checkExtension, weightsOnlyOf } from './backend/check-extension.ts';
export { checkInputs, type Lengths, placeSegments, type RunSegment } from './backend/check-run.ts';
export { checkWeights, WeightShapeError } from './backend/check-weights.ts';
export {
  CacheFullError,
  CacheMemoryError,
  RunError,
  UnsupportedError,
} from './backend/errors.ts';
export { LARGEST_STEP, roundRow } from './backend/int8-rows.ts';
export { keptRows } from './backend/kept-rows.ts';
export { kernelBackend } from './backend/kernel-backend.ts';
export type {
  CacheDemand,
  CacheEntry,
  Kernel,
  KernelContext,
  KernelName,
  Kernels,
  KernelTable,
} from './backend/kernel-table.ts';
export { type LiveOptions, liveBytes, tensorBytes } from './backend/live-bytes.ts';
export type { MemoryModel, RunSize, WeightMemory, WeightUse } from './backend/memory-model.ts';
export { SlotLengths } from './backend/slot-lengths.ts';
export { TooManyBranchesError } from './generate/assign-slots.ts';
export type { EndReason, Hypothesis } from './generate/beams/beam-search.ts';
export type { BeamProgress } from './generate/beams/search-beams.ts';
export type { Branches, BranchStep } from './generate/branches.ts';
export { beamCount, checkGenerateOptions, InvalidOptionError } from './generate/check-options.ts';
export type {
  DecoderRuntime,
  DecodeStep,
  EncodedImage,
  ImageStep,
  TextStep,
} from './generate/decoder-runtime.ts';
export {
  type GenerationEnd,
  type GenerationEvent,
  generate,
  type TokenEvent,
  type WrittenAnswer,
} from './generate/generate.ts';
export type { BeamOptions, GenerateOptions } from './generate/generate-options.ts';
export type { IdleCaches, IdleCacheUse } from './generate/idle-caches.ts';
export { logSoftmax } from './generate/logits/log-softmax.ts';
export type { LogitsStep, StepContext } from './generate/logits/logits-step.ts';
export { NoTokenLeftError } from './generate/logits/no-token-left-error.ts';
export {
  filterSteps,
  type PenaltyOptions,
  penaltySteps,
  type SamplingOptions,
} from './generate/logits/steps-of.ts';
export type { TokenLogprobs } from './generate/logits/token-logprobs.ts';
export { type ScoredToken, topScores } from './generate/logits/top-scores.ts';
export { type Prompt, type PromptChunk, promptLength } from './generate/prompt.ts';
export type { PromptEmbedding } from './generate/prompt-embedding.ts';
export type { LookupUse } from './generate/prompt-lookup/token-feeder.ts';
export { createRandom, freshSeed, type RandomStream } from './generate/random.ts';
export { likeliest, type Sampler, type SamplerOptions, sampler } from './generate/sampler.ts';
export type { BatchModel, ChosenAdapter } from './generate/scheduler/batcher.ts';
export {
  type Admitted,
  Scheduler,
  type SchedulerLoad,
  type SchedulerOptions,
  type SchedulerRequest,
} from './generate/scheduler/scheduler.ts';
export type { PrefixUse } from './generate/scheduler/slot-pool.ts';
export { type ContinuationScore, scoreContinuations } from './generate/score-continuations.ts';
export {
  type FeedOptions,
  finishPrefill,
  openSequence,
  type PictureUse,
  type PromptProgress,
  type Sequence,
  SequenceBranchedError,
  SequenceDisposedError,
  type TokenOptions,
} from './generate/sequence.ts';
export type { TokenConstraint } from './generate/token-constraint.ts';
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
export type { TowerConfig } from './models/clip/tower.ts';
export {
  inverseFrequencies,
  type RotaryAngles,
  type RotaryConfig,
  type RotaryPositions,
  type RotaryScaling,
  rotaryAngles,
  rotaryPositions,
  thetaAt,
} from './models/internlm2/rotary.ts';
export type { TiledImage } from './models/tiled-image.ts';
export { checkpointSizes } from './models/xcomposer/checkpoint-sizes.ts';
export {
  type CheckpointSizes,
  checkpointConfig,
  checkpointTensors,
  type VisionSizes,
} from './models/xcomposer/checkpoint-tensors.ts';
export { compileXComposer } from './models/xcomposer/compile-model.ts';
export {
  type AdapterName,
  type AnyAdapterName,
  readConfig,
  type VisionConfig,
  type XComposerConfig,
} from './models/xcomposer/config.ts';
export { ConfigError } from './models/xcomposer/config-fields.ts';
export type { GraphName, XComposerGraphs } from './models/xcomposer/graphs.ts';
export { type Grid, imageTokens } from './models/xcomposer/image-rows.ts';
export { XComposer } from './models/xcomposer/model.ts';
export type {
  ClaimedSequence,
  EmbedOptions,
  SequenceOptions,
  XComposerCompat,
  XComposerOptions,
} from './models/xcomposer/options.ts';
export type { RowCache, RowCacheUse } from './models/xcomposer/row-cache.ts';
export { weightMap as xcomposerWeightMap } from './models/xcomposer/weight-map.ts';
export { type WeightRole, weightGroup, weightRole } from './models/xcomposer/weight-roles.ts';
export * from './ops/index.ts';
export {
  type DescribeModelOptions,
  describeModel,
  type PlannedModel,
} from './plan/describe-model.ts';
export { formatBytes } from './plan/format-bytes.ts';
export { freeMemory } from './plan/free-memory.ts';
export { largestThatFits } from './plan/largest-that-fits.ts';
export {
  type ClaimedMemory,
  type ClaimedRequest,
  MemoryBudget,
  type MemoryClaim,
  type MemoryLever,
  type PositionHolder,
} from './plan/memory-budget.ts';
export {
  type BudgetAdvice,
  type BudgetSetting,
  MemoryBudgetError,
} from './plan/memory-budget-error.ts';
export {
  kvAdvice,
  largestShares,
  type MemoryPlan,
  type MemoryRequest,
  type MemoryShares,
  memoryShareNames,
  type PromptPart,
  planMemory,
} from './plan/plan-memory.ts';
export { promptParts } from './plan/prompt-parts.ts';
export { type Floats, floats } from './reference/host.ts';
export { referenceBackend } from './reference/reference-backend.ts';
export { relativeError } from './testing/relative-error.ts';
export type { Checkpoint, StoredTensor } from './weights/checkpoint.ts';
export { convertedWeights } from './weights/converted/converted-weights.ts';
export {
  type ConvertedWeight,
  MANIFEST_FILE,
  MANIFEST_VERSION,
  type Manifest,
  manifestWeight,
} from './weights/converted/manifest.ts';
export { partName } from './weights/converted/part-names.ts';
export { decodeWeight, type WeightBytes } from './weights/encodings/decode.ts';
export { encodeWeight } from './weights/encodings/encode.ts';
export type { EncodeBlocksOptions, Rounding } from './weights/encodings/encode-blocks.ts';
export { type PartLayout, partsOf } from './weights/encodings/parts.ts';
export { toBfloat16 } from './weights/encodings/to-bfloat16.ts';
export { toFloat16 } from './weights/encodings/to-float16.ts';
export {
  CheckpointError,
  type CheckpointFault,
  MissingWeightError,
  WeightMapError,
} from './weights/errors.ts';
export { evaluateExpression, type ReadTensor } from './weights/evaluate-expression.ts';
export { type CheckpointLimits, DEFAULT_LIMITS } from './weights/limits.ts';
export { type MemoryWeight, memoryWeights } from './weights/memory-weights.ts';
export { type OpenCheckpointOptions, openCheckpoint } from './weights/open-checkpoint.ts';
export { readFloat32 } from './weights/read-float32.ts';
export { safetensorsName } from './weights/safetensors/dtypes.ts';
export {
  type TensorToWrite,
  type WriteSafetensorsOptions,
  writeSafetensors,
} from './weights/safetensors/write-safetensors.ts';
export { BYTES_PER_NUMBER } from './weights/stored-dtype.ts';
export { toFloat32 } from './weights/to-float32.ts';
export { describeExpression, namesIn } from './weights/weight-expression.ts';
export {
  checkpointWeights,
  type RegroupHeads,
  type WeightExpression,
  type WeightMap,
} from './weights/weight-map.ts';
export type {
  BlockEncoding,
  ChannelEncoding,
  DenseEncoding,
  Encoding,
  FileRange,
  StoredDType,
  WeightDescription,
  WeightPart,
  WeightSource,
} from './weights/weight-source.ts';
export { WeightSources } from './weights/weight-sources.ts';

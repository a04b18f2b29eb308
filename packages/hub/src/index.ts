export type { FileSelection } from './checkpoint-files.ts';
export type {
  BlockSize,
  FormatChoices,
  WeightChoice,
  WeightFormat,
} from './convert/choose-encodings.ts';
export { type ConvertOptions, convertCheckpoint } from './convert/convert-checkpoint.ts';
export * from './convert/errors.ts';
export type { ConvertEvent } from './convert/events.ts';
export { requirePlace } from './convert/require-place.ts';
export type { TaskAdapter } from './convert/source-tensors.ts';
export {
  type BytesVerified,
  type VerifiedCheckpoint,
  type VerifyOptions,
  verifyConverted,
} from './convert/verify-converted.ts';
export type { Environment } from './environment.ts';
export * from './errors.ts';
export type { PullEvent } from './events.ts';
export type { PublishedHash } from './hub/hub.ts';
export { defaultLimits, type PullLimits } from './limits.ts';
export { type ModelId, parseModelId } from './model-id.ts';
export type { HubSource, NetworkOptions, PullOptions } from './options.ts';
export type { PlannedFile, PullPlan } from './plan.ts';
export { type PulledCheckpoint, planPull, pull } from './pull.ts';
export { type SynthShape, synthShapes } from './synth/shapes.ts';
export { type SynthOptions, synthCheckpoint } from './synth/synth-checkpoint.ts';

export type { JsonSchema, ResponseFormat } from '@lingbi/grammar';
export * as article from './article/index.ts';
export {
  type CaptionImagesOptions,
  captionImages,
  type NamedPicture,
} from './captions/caption-images.ts';
export type { CaptionLine } from './captions/caption-log.ts';
export { imageCaptionSettings, videoCaptionSettings } from './captions/caption-settings.ts';
export { CaptionLogError, NoFramesError } from './captions/errors.ts';
export { type RecaptionOptions, recaptionPrompt } from './captions/recaption-prompt.ts';
export {
  type CaptionVideoFastOptions,
  captionVideoFast,
  type VideoCaption,
} from './captions/video/caption-video-fast.ts';
export {
  type CaptionVideoSlidingOptions,
  captionVideoSliding,
  type SlidingCaption,
} from './captions/video/caption-video-sliding.ts';
export type { DrawLabel, LabelPlace } from './captions/video/fast-strip.ts';
export { framesOfFile } from './captions/video/frames-of-file.ts';
export type { VideoFrames } from './captions/video/video-frames.ts';
export { Chat, type ChatOptions, type SayOptions } from './chat/chat.ts';
export { ChatBusyError } from './chat/errors.ts';
export type {
  Answer,
  AnswerToken,
  ChatEvent,
  FinishReason,
  RankedAnswer,
  Usage,
} from './chat/events.ts';
export type { ImageInput, VideoInput } from './chat/media.ts';
export {
  type PreparedPrompt,
  type PromptOptions,
  preparePrompt,
} from './chat/prepare-prompt.ts';
export {
  type Dialogue,
  type DialogueMessage,
  type DialogueTurn,
  type RunDialogueOptions,
  runDialogue,
} from './dialogue/run-dialogue.ts';
export type { AnswerScorer, ScoreRequest } from './dual-focus/answer-scorer.ts';
export type { Box } from './dual-focus/boxes.ts';
export {
  type BoxProvider,
  type DualFocusOptions,
  dualFocus,
  type FocusedAnswer,
} from './dual-focus/dual-focus.ts';
export { dualFocusSettings } from './dual-focus/focus-settings.ts';
export {
  type DescribeCheckpointOptions,
  describeCheckpoint,
} from './memory/describe-checkpoint.ts';
export { defaultBudget } from './memory/free-memory.ts';
export { parseBytes } from './memory/parse-bytes.ts';
export {
  type FittingSettings,
  fittingSettings,
  type PlannedImage,
  type PlannedVideo,
  type PlanRequest,
  planMemory,
} from './memory/plan-request.ts';
export { DisposedError, ModelNotFoundError, PackedModelError } from './model/errors.ts';
export { type DownloadOptions, findFolder } from './model/find-folder.ts';
export { type AdapterReport, mergeAdapter } from './model/merge-adapter.ts';
export { type ModelFiles, readModelFiles } from './model/model-files.ts';
export { Model, type OpenModelOptions, openModel } from './model/open-model.ts';
export * as webpage from './webpage/index.ts';
export {
  NoRoomForAnswerError,
  UnfinishedAnswerError,
  UnsupportedSettingError,
} from './writer/errors.ts';
export {
  type AnswerLimit,
  chatSettings,
  type GenerationSettings,
  type Sampling,
} from './writer/generation-settings.ts';
export { modelScorer } from './writer/model-scorer.ts';
export { type ModelWriterOptions, modelWriter } from './writer/model-writer.ts';
export { type WrittenText, writeText } from './writer/write-text.ts';
export type {
  ChatPrompt,
  RawPrompt,
  StepListener,
  WriteRequest,
  Writer,
  WriterEvent,
  WriterPrompt,
  WriterWarning,
} from './writer/writer.ts';
export { writerPrompt } from './writer/writer-prompt.ts';

export * as article from './article/index.ts';
export { Chat, type ChatOptions, type SayOptions } from './chat/chat.ts';
export type { Answer, ChatEvent, FinishReason, RankedAnswer, Usage } from './chat/events.ts';
export {
  type PreparedPrompt,
  type PromptOptions,
  preparePrompt,
} from './chat/prepare-prompt.ts';
export { ModelNotFoundError } from './model/errors.ts';
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

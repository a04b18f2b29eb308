export { Chat, type ChatOptions, type SayOptions } from './chat/chat.ts';
export type { Answer, ChatEvent, FinishReason, RankedAnswer, Usage } from './chat/events.ts';
export {
  type PreparedPrompt,
  type PromptOptions,
  preparePrompt,
} from './chat/prepare-prompt.ts';
export { ModelNotFoundError } from './model/errors.ts';
export { Model, type OpenModelOptions, openModel } from './model/open-model.ts';

export { buildPrompt, type PromptRequest } from './chat/build-prompt.ts';
export { type ChatIds, chatIds } from './chat/chat-ids.ts';
export {
  MissingMarkerError,
  PlaceholderError,
  type PromptLengths,
  PromptTooLongError,
} from './chat/errors.ts';
export type { ChatFamily } from './chat/family.ts';
export { type PlaceholderPolicy, placeImages } from './chat/place-images.ts';
export type {
  ImageSegment,
  Prompt,
  PromptSegment,
  PromptWarning,
  TextSegment,
} from './chat/prompt.ts';
export {
  type ChatText,
  type ChatTurn,
  promptSpans,
  type RenderedPrompt,
  renderPrompt,
} from './chat/render-prompt.ts';
export { type OverflowPolicy, type SpliceOptions, splicePrompt } from './chat/splice-prompt.ts';
export {
  createTurnEndCutter,
  cutAtTurnEnd,
  extendHistory,
  type TurnEndCutter,
} from './chat/turn-end.ts';
export { xcomposer2d5 } from './chat/xcomposer2d5.ts';
export type { DecodeOptions } from './decode/decode.ts';
export type { TextStream, TextStreamOptions } from './decode/text-stream.ts';
export type { ParseSpecial, TextSpan } from './encode/trusted-text.ts';
export { TokenizerModelError, type TokenizerModelFault } from './model/errors.ts';
export type { Normalizer, Piece, PieceType, TokenizerModel } from './model/model.ts';
export { readModel } from './model/read-model.ts';
export { writeModel } from './model/write-model.ts';
export {
  createTokenizer,
  type EncodeOptions,
  type Tokenizer,
  type TokenizerOptions,
} from './tokenizer.ts';

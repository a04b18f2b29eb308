import type {
  LookupUse,
  PictureUse,
  PromptProgress,
  TokenEvent,
  TokenLogprobs,
} from '@lingbi/core';
import type { PromptWarning } from '@lingbi/tokenizer';
import type { VideoProgress } from '@lingbi/video';

/** Why an answer ended: the model closed its turn, wrote a stop string, or `maxNewTokens` was reached. */
export type FinishReason = 'stop' | 'stop-string' | 'length';

export interface Usage {
  readonly promptTokens: number;
  /** Prompt positions that did not have to be read again. */
  readonly cachedTokens: number;
  /** Pictures that had to be encoded, and those that somebody had shown before. */
  readonly pictures: PictureUse;
  /** Prompt positions that pictures take. */
  readonly imageTokens: number;
  /** The token that ended the answer included. */
  readonly newTokens: number;
  /** What `promptLookup` guessed: each accepted token saved a run of the model. */
  readonly lookup?: LookupUse;
}

/** One of several answers that beam search found. */
export interface RankedAnswer {
  readonly text: string;
  /** Its log-probability over its length to the power of `lengthPenalty`. */
  readonly score: number;
  readonly reason: FinishReason;
}

export type AnswerWarning =
  | PromptWarning
  /** Frames that could not be shown, or complaints of the decoder. */
  | { readonly type: 'video'; readonly message: string };

/** A token of an answer, and how likely the model found it. */
export interface AnswerToken {
  readonly token: number;
  readonly logprobs: TokenLogprobs;
}

export interface Answer {
  readonly text: string;
  readonly reason: FinishReason;
  readonly usage: Usage;
  /** With beams, all answers that were found, best first; the first is this one. */
  readonly ranked?: readonly RankedAnswer[];
  /** With `topLogprobs`, all tokens that were written, the one that ended the answer included. */
  readonly tokens?: readonly AnswerToken[];
  /** Where tokens were drawn: given again as `sampling.seed`, it draws the same answer. */
  readonly seed?: number;
  /** What was done to the prompt that its writer may not have meant. */
  readonly warnings: readonly AnswerWarning[];
}

/** How far a video is decoded. `image` is its place among all pictures and videos of the chat, from 0. */
export interface VideoDecodingProgress extends VideoProgress {
  readonly type: 'video-progress';
  readonly image: number;
}

/**
 * What happens while an answer is made, in order: progress, then tokens and texts, then the end.
 * With beams, drafts come first, and tokens and text at the end, when the best answer is known.
 */
export type ChatEvent =
  | VideoDecodingProgress
  | PromptProgress
  | TokenEvent
  /** The whole of the best answer so far; the next draft may be another one. */
  | { readonly type: 'draft'; readonly text: string; readonly score: number }
  /** New text, never half a character; joined they are the answer. */
  | { readonly type: 'text'; readonly text: string }
  | ({ readonly type: 'end' } & Answer);

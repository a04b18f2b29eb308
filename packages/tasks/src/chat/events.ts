import type { PromptProgress } from '@lingbi/core';
import type { PromptWarning } from '@lingbi/tokenizer';

/** Why an answer ended: the model closed its turn, or `maxNewTokens` was reached. */
export type FinishReason = 'stop' | 'length';

export interface Usage {
  readonly promptTokens: number;
  /** Prompt positions that did not have to be read again. */
  readonly cachedTokens: number;
  /** Prompt positions that pictures take. */
  readonly imageTokens: number;
  /** The token that ended the answer included. */
  readonly newTokens: number;
}

export interface Answer {
  readonly text: string;
  readonly reason: FinishReason;
  readonly usage: Usage;
  /** What was done to the prompt that its writer may not have meant. */
  readonly warnings: readonly PromptWarning[];
}

/** What happens while an answer is made, in order: progress, then tokens and texts, then the end. */
export type ChatEvent =
  | PromptProgress
  | { readonly type: 'token'; readonly token: number }
  /** New text, never half a character; joined they are the answer. */
  | { readonly type: 'text'; readonly text: string }
  | ({ readonly type: 'end' } & Answer);

import { minP, temperature, topK, topP } from './filters.ts';
import type { LogitsStep } from './logits-step.ts';
import {
  frequencyPenalty,
  logitBias,
  minNewTokens,
  noRepeatNgram,
  presencePenalty,
  repetitionPenalty,
} from './penalties.ts';

/** What makes tokens more or less likely, in greedy decoding and beam search as in sampling. */
export interface PenaltyOptions {
  /** Known ids become less likely: 1.005 in the reference's chat, 3.0 in its web recipes. Default 1. */
  readonly repetitionPenalty?: number;
  /** Taken off the logits of ids that this answer holds. Default 0. */
  readonly presencePenalty?: number;
  /** Taken off as often as this answer holds the id. Default 0. */
  readonly frequencyPenalty?: number;
  /** This many consecutive ids never come twice. Default: no such rule. */
  readonly noRepeatNgram?: number;
  /**
   * What `repetitionPenalty` and `noRepeatNgram` know: the ids of the answer, or the prompt's text
   * ids as well. The reference counts the prompt only where it passes ids instead of embeddings:
   * `image = null` and the continuation of articles. Default `answer`.
   */
  readonly penaltyScope?: 'answer' | 'prompt-and-answer';
  /**
   * No stop token comes before this many ids. Stop strings and `stopWhen` still end the answer, as in the
   * reference. Default 0.
   */
  readonly minNewTokens?: number;
  /** Added to the logits of single ids; −Infinity bans one. */
  readonly logitBias?: ReadonlyMap<number, number>;
}

/** How the next token is drawn. Whatever is not given changes nothing. */
export interface SamplingOptions {
  readonly temperature?: number;
  /** Draw among this many best tokens. The reference's chat: 50. */
  readonly topK?: number;
  /** Draw among the fewest best tokens that reach this probability. The reference's chat: 0.8. */
  readonly topP?: number;
  /** Draw among tokens at least this share as likely as the likeliest. */
  readonly minP?: number;
  /** The filters keep at least so many. Default 1; in beam search one more than there are stop tokens. */
  readonly minTokensToKeep?: number;
  /** The same seed draws the same answer, here and in every later version. Default: a fresh one. */
  readonly seed?: number;
}

/** The penalties that were asked for, in the order in which the reference applies its own. */
export function penaltySteps(
  options: PenaltyOptions,
  stopTokens: ReadonlySet<number>,
): readonly LogitsStep[] {
  return [
    options.logitBias && logitBias(options.logitBias),
    options.repetitionPenalty && repetitionPenalty(options.repetitionPenalty),
    options.presencePenalty && presencePenalty(options.presencePenalty),
    options.frequencyPenalty && frequencyPenalty(options.frequencyPenalty),
    options.noRepeatNgram && noRepeatNgram(options.noRepeatNgram),
    options.minNewTokens && minNewTokens(options.minNewTokens, stopTokens),
  ].filter((step) => typeof step === 'function');
}

/** The filters that were asked for: temperature, top-k, top-p, min-p. */
export function filterSteps(options: SamplingOptions = {}): readonly LogitsStep[] {
  const { minTokensToKeep } = options;
  return [
    options.temperature && options.temperature !== 1 && temperature(options.temperature),
    options.topK && topK(options.topK, minTokensToKeep),
    options.topP && options.topP < 1 && topP(options.topP, minTokensToKeep),
    options.minP && minP(options.minP, minTokensToKeep),
  ].filter((step) => typeof step === 'function');
}

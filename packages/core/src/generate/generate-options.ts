import type { PenaltyOptions, SamplingOptions } from './logits/steps-of.ts';
import type { Sampler } from './sampler.ts';
import type { TokenConstraint } from './token-constraint.ts';

export interface GenerateOptions extends PenaltyOptions {
  /** Ids that end the answer; the one that did is the last token of the answer. */
  readonly stopTokens: ReadonlySet<number>;
  readonly maxNewTokens: number;
  /** Ends the answer where no stop token does; asked after each token with all of the answer. */
  readonly stopWhen?: (tokens: readonly number[]) => boolean;
  /** Draws tokens. Default: takes the likeliest, the first of equals. */
  readonly sampling?: SamplingOptions;
  /** How many answers are followed side by side. The sequence needs as many slots. Default 1. */
  readonly beams?: number | BeamOptions;
  /** Picks each token instead of all the above. */
  readonly sampler?: Sampler;
  /** What the answer has to follow, such as a grammar. Needs `beams: 1`. */
  readonly constraint?: TokenConstraint;
  /**
   * Guesses that the answer goes on as the conversation did where the last tokens stood before, and
   * checks several guesses in one run: the same answer, up to the rounding of that run, sooner where it
   * repeats its prompt. Pauses by itself where that costs time. Needs `beams: 1`.
   */
  readonly promptLookup?: boolean;
  /** Tells with each token how likely it was, and this many likelier or other ones. */
  readonly topLogprobs?: number;
  /** Stops before the next run of the model and rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Beam search; its defaults are the reference's (spec CHAT §6.3). */
export interface BeamOptions {
  readonly count: number;
  /** An answer's score is its log-probability / length^this. Default 1: the mean of its tokens. */
  readonly lengthPenalty?: number;
  /**
   * Whether to stop once `count` answers have ended. Default `false`: not while the best one that
   * runs has a better score than the worst that ended. `'never'`: not while it could still get one.
   */
  readonly earlyStopping?: boolean | 'never';
}

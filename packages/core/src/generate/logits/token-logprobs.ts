import { logSumExp } from './log-softmax.ts';
import { topScores } from './top-scores.ts';

/** How likely the model found a token, before penalties and filters; natural logarithms. */
export interface TokenLogprobs {
  readonly logprob: number;
  /** The likeliest tokens in its place, best first. */
  readonly top: readonly { readonly token: number; readonly logprob: number }[];
}

export function tokenLogprobs(logits: Float32Array, token: number, top: number): TokenLogprobs {
  const total = logSumExp(logits);
  const best = topScores(logits, top);
  return {
    logprob: logits[token]! - total,
    top: best.map(({ token, score }) => ({ token, logprob: score - total })),
  };
}

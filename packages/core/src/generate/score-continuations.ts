import { logSumExp } from './logits/log-softmax.ts';
import type { Prompt } from './prompt.ts';
import { type FeedOptions, finishPrefill, type Sequence } from './sequence.ts';

/** How likely the model finds a continuation; natural logarithms. */
export interface ContinuationScore {
  /** Of each token, given the prompt and the tokens before it. */
  readonly logprobs: readonly number[];
  /** Of all together: their sum. */
  readonly total: number;
}

/** Logits of more tokens than these are not held at once. */
const TOKENS_A_RUN = 32;

/**
 * How likely each continuation of a prompt is, to rank options or to judge an answer. The prompt is
 * read once, and the tokens of a continuation are read together, up to 32 in a run. The sequence holds
 * the prompt afterwards.
 *
 * @throws RangeError when a continuation is empty or holds an id that is none.
 */
export async function scoreContinuations(
  sequence: Sequence,
  prompt: Prompt,
  continuations: readonly (readonly number[])[],
  options: FeedOptions = {},
): Promise<readonly ContinuationScore[]> {
  const empty = continuations.findIndex(({ length }) => length === 0);
  if (empty >= 0) throw new RangeError(`Continuation ${empty} to score is empty`);
  const first = await finishPrefill(sequence.prefill(prompt, options));
  const read = sequence.length;
  const scores: ContinuationScore[] = [];
  for (const tokens of continuations) {
    const logprobs = [logprob(first, tokens[0]!)];
    try {
      for await (const logits of feedInRuns(sequence, tokens.slice(0, -1), options)) {
        logprobs.push(logprob(logits, tokens[logprobs.length]!));
      }
    } finally {
      sequence.truncate(read);
    }
    scores.push({ logprobs, total: logprobs.reduce((sum, each) => sum + each) });
  }
  return scores;
}

/** The logits after each token. Past the trained length each token has angles of its own. */
async function* feedInRuns(
  sequence: Sequence,
  tokens: readonly number[],
  options: FeedOptions,
): AsyncGenerator<Float32Array> {
  for (let from = 0; from < tokens.length; ) {
    options.signal?.throwIfAborted();
    const wanted = Math.min(TOKENS_A_RUN, tokens.length - from);
    const count = sequence.canFeedAtOnce(wanted) ? wanted : 1;
    yield* await sequence.feedAll(tokens.slice(from, from + count), options);
    from += count;
  }
}

function logprob(logits: Float32Array, token: number): number {
  const logit = logits[token];
  if (logit !== undefined) return logit - logSumExp(logits);
  throw new RangeError(`There is no token ${token}: ids go from 0 to ${logits.length - 1}`);
}

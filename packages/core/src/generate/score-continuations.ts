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

/**
 * How likely each continuation of a prompt is, to rank options or to judge an answer. The prompt is
 * read once; as many continuations as the sequence has slots are read together. The sequence holds
 * the prompt afterwards.
 *
 * @throws RangeError when a continuation is empty.
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
  const scores: number[][] = [];
  for (let from = 0; from < continuations.length; from += sequence.slots) {
    const group = continuations.slice(from, from + sequence.slots);
    scores.push(...(await scoreGroup(sequence, first, group, options)));
  }
  return scores.map((logprobs) => ({
    logprobs,
    total: logprobs.reduce((sum, each) => sum + each),
  }));
}

/** One token further in each run, with those that are not at their end. */
async function scoreGroup(
  sequence: Sequence,
  first: Float32Array,
  group: readonly (readonly number[])[],
  options: FeedOptions,
): Promise<number[][]> {
  using branches = sequence.branch();
  const scores = group.map((tokens) => [logprob(first, tokens[0]!)]);
  let parents = new Array<number>(group.length).fill(0);
  let alive = [...group.keys()];
  for (let place = 1; ; place++) {
    const going = alive.filter((member) => group[member]!.length > place);
    if (going.length === 0) return scores;
    options.signal?.throwIfAborted();
    const steps = going.map((member) => ({
      parent: parents[member]!,
      token: group[member]![place - 1]!,
    }));
    const logits = await branches.grow(steps, options);
    for (const [i, member] of going.entries()) {
      scores[member]!.push(logprob(logits[i]!, group[member]![place]!));
    }
    parents = group.map((_, member) => going.indexOf(member));
    alive = going;
  }
}

function logprob(logits: Float32Array, token: number): number {
  const logit = logits[token];
  if (logit !== undefined) return logit - logSumExp(logits);
  throw new RangeError(`There is no token ${token}: ids go from 0 to ${logits.length - 1}`);
}

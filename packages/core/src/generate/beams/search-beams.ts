import { logSoftmax } from '../logits/log-softmax.ts';
import type { LogitsStep } from '../logits/logits-step.ts';
import { NoTokenLeftError } from '../logits/no-token-left-error.ts';
import type { Sequence } from '../sequence.ts';
import {
  advanceBeams,
  type Beam,
  type BeamSearchOptions,
  bestSoFar,
  type Hypothesis,
  startBeamSearch,
} from './beam-search.ts';

/** The best answer so far; it may be another one at the next step. */
export interface BeamProgress {
  readonly type: 'beam-progress';
  readonly tokens: readonly number[];
  readonly score: number;
}

export interface BeamRun {
  readonly options: BeamSearchOptions;
  /** Penalties and filters; they act on log-probabilities, before those of the past are added. */
  readonly steps: readonly LogitsStep[];
  /** Ids of the prompt that penalties know. */
  readonly prompt: readonly number[];
  readonly signal?: AbortSignal;
}

/**
 * Continues a sequence by beam search; `first` holds the logits after its last token. Returns the
 * answers, best first, and leaves the sequence with what was read of the best.
 */
export async function* searchBeams(
  sequence: Sequence,
  first: Float32Array,
  { options, steps, prompt, signal }: BeamRun,
): AsyncGenerator<BeamProgress, readonly Hypothesis[]> {
  using branches = sequence.branch();
  let state = startBeamSearch(options);
  let written = 0;
  let logits: readonly Float32Array[] = state.running.map(() => first);
  for (;;) {
    const scores = state.running.map(({ tokens }, beam) => {
      const row = logSoftmax(logits[beam]!);
      for (const step of steps) step(row, { generated: tokens, prompt });
      return row;
    });
    state = advanceBeams(state, scores, options);
    const best = bestSoFar(state, options);
    if (best) yield { type: 'beam-progress', tokens: best.tokens, score: best.score };
    if (state.done) break;
    written += 1;
    signal?.throwIfAborted();
    logits = await branches.grow(state.running.map(branchStep), signal && { signal });
  }
  const [best] = state.finished;
  if (!best) throw new NoTokenLeftError(written);
  await branches.settle(best.tokens);
  return state.finished;
}

/** Before the first token there is only one branch, even where several beams start from it. */
function branchStep({ tokens, parent }: Beam) {
  return { parent: tokens.length === 1 ? 0 : parent, token: tokens.at(-1)! };
}

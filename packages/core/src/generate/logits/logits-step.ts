/** What was written so far, as the steps on logits see it. */
export interface StepContext {
  /** Ids of this answer. */
  readonly generated: readonly number[];
  /** Ids of the prompt that penalties count as repetition; none unless asked for. */
  readonly prompt: readonly number[];
}

/**
 * Changes the scores of the next token in place: logits, or log-probabilities in a beam search. A
 * token that must not come gets −Infinity. Keeps nothing from call to call.
 */
export type LogitsStep = (scores: Float32Array, context: StepContext) => void;

import { type Prompt, promptLength } from './prompt.ts';
import { likeliest } from './sampler.ts';
import type { PromptProgress, Sequence } from './sequence.ts';

/** Picks the next token from the logits; `history` holds what was generated so far. */
export type Sampler = (logits: Float32Array, history: readonly number[]) => number;

export type EndReason = 'stop-token' | 'max-tokens';

export type GenerationEvent =
  | PromptProgress
  | { readonly type: 'token'; readonly token: number }
  | {
      readonly type: 'generation-end';
      readonly reason: EndReason;
      readonly promptTokens: number;
      /** Prompt positions that the sequence still held from before. */
      readonly cachedTokens: number;
      /** The stop token included. */
      readonly newTokens: number;
    };

export interface GenerateOptions {
  /** Ids that end the answer; the one that did is the last token event. */
  readonly stopTokens: ReadonlySet<number>;
  readonly maxNewTokens: number;
  /** Default: the likeliest token, the first of equals. */
  readonly sampler?: Sampler;
  /** Stops before the next run of the model and rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Reads a prompt, then writes tokens until one of the stop tokens or the limit.
 */
export async function* generate(
  sequence: Sequence,
  prompt: Prompt,
  { stopTokens, maxNewTokens, sampler = likeliest, signal }: GenerateOptions,
): AsyncGenerator<GenerationEvent> {
  const feed = signal ? { signal } : {};
  const reading = sequence.prefill(prompt, feed);
  let step = await reading.next();
  const cachedTokens = step.done ? 0 : step.value.processed;
  for (; !step.done; step = await reading.next()) yield step.value;
  let logits = step.value;
  const history: number[] = [];
  const end = (reason: EndReason): GenerationEvent => {
    const [promptTokens, newTokens] = [promptLength(prompt), history.length];
    return { type: 'generation-end', reason, promptTokens, cachedTokens, newTokens };
  };
  while (history.length < maxNewTokens) {
    signal?.throwIfAborted();
    if (history.length > 0) logits = await sequence.feed(history.at(-1)!, feed);
    const token = sampler(logits, history);
    history.push(token);
    yield { type: 'token', token };
    if (stopTokens.has(token)) return yield end('stop-token');
  }
  yield end('max-tokens');
}

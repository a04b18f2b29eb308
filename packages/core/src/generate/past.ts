import { type Prompt, sharedLength } from './prompt.ts';

/** What keys and values depend on besides the prompt that they stand for. */
export interface PastKind {
  /** The `origin` of the runtime that made them. */
  readonly origin: unknown;
  /** The base of the rotary angles of their keys. */
  readonly theta: number;
}

/** A prompt whose keys and values are in a cache. */
export interface Past extends PastKind {
  readonly prompt: Prompt;
  /** How many positions, from the start, have keys of base `theta`: later ones may have others. */
  readonly steady: number;
}

/** A prompt that is to be read, as it would be read afresh. */
export interface WantedPast extends PastKind {
  readonly prompt: Prompt;
}

export const emptyPast: Past = { prompt: [], origin: undefined, theta: 0, steady: 0 };

/** How many positions of a past, from the start, are what reading a prompt afresh would make. */
export function reusableLength(past: Past, wanted: WantedPast): number {
  if (past.origin !== wanted.origin || past.theta !== wanted.theta) return 0;
  return Math.min(sharedLength(past.prompt, wanted.prompt), past.steady);
}

/** Which base holds how far, from the start. */
export type SteadyBase = Pick<Past, 'theta' | 'steady'>;

/** The same after positions `from` ≤ p < `to` were read with base `theta`. */
export function readWith(
  before: SteadyBase,
  theta: number,
  { from, to }: { readonly from: number; readonly to: number },
): SteadyBase {
  if (from === 0) return { theta, steady: to };
  const goesOn = before.theta === theta && before.steady === from;
  return goesOn ? { theta, steady: to } : before;
}

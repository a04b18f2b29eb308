/**
 * Which tokens may come next, for one answer: a grammar that it has to follow. Knows nothing of what
 * the model finds likely. Whoever made it disposes it.
 */
export interface TokenConstraint extends Disposable {
  /** Gives −Infinity to every token that must not come next. */
  ban(scores: Float32Array): Promise<void>;
  /** The token that came. */
  accept(token: number): void;
}

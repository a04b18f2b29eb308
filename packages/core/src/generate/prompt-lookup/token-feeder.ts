import type { FeedOptions, Sequence } from '../sequence.ts';
import { DraftPace } from './draft-pace.ts';
import { findDraft } from './find-draft.ts';

/** Drafted tokens of an answer. */
export interface LookupUse {
  readonly drafted: number;
  /** Those that the answer had, each of which saved a run of the model. */
  readonly accepted: number;
}

/** Gives an answer's tokens to a sequence, one after the other. Disposing it leaves just those in it. */
export interface TokenFeeder extends Disposable {
  /** The logits that follow this token, maybe written over `spare`, which nobody reads any more. */
  next(token: number, spare?: Float32Array): Promise<Float32Array>;
  readonly use?: LookupUse;
}

export function plainFeeder(sequence: Sequence, options: FeedOptions): TokenFeeder {
  return {
    next: (token, spare) => sequence.feed(token, spare ? { ...options, spare } : options),
    [Symbol.dispose]: () => {},
  };
}

/** A drafted token that the sequence has read, and the logits that follow it. */
interface ReadAhead {
  readonly token: number;
  readonly logits: Float32Array;
}

export interface LookupOptions extends FeedOptions {
  /** Nothing is read after them, so nothing is drafted from them on. */
  readonly stopTokens?: ReadonlySet<number>;
  /** The last of so many tokens is never read. Default: no end. */
  readonly maxNewTokens?: number;
  /** Milliseconds, by which drafting is judged. */
  readonly clock?: () => number;
}

/**
 * Reads with a token those that may come next, so that they need no run of their own when they come.
 * Tokens are picked as without, because a draft only says what to read.
 */
export class LookupFeeder implements TokenFeeder {
  readonly #past: number[];
  readonly #promptLength: number;
  readonly #pace = new DraftPace();
  readonly #clock: () => number;
  #ahead: readonly ReadAhead[] = [];
  /** The run that read them, and the length at which it left the sequence. */
  #run:
    | { readonly milliseconds: number; readonly drafted: number; readonly end: number }
    | undefined;
  #use: LookupUse = { drafted: 0, accepted: 0 };

  constructor(
    readonly sequence: Sequence,
    /** Of the prompt; NO_TOKEN for each picture. */
    past: readonly number[],
    readonly options: LookupOptions = {},
  ) {
    this.#past = [...past];
    this.#promptLength = past.length;
    this.#clock = options.clock ?? (() => performance.now());
  }

  get use(): LookupUse {
    return this.#use;
  }

  async next(token: number): Promise<Float32Array> {
    this.#past.push(token);
    const [expected, ...others] = this.#ahead;
    if (expected?.token !== token) return this.#read(token);
    this.#ahead = others;
    this.#use = { ...this.#use, accepted: this.#use.accepted + 1 };
    return expected.logits;
  }

  /** A sequence that somebody else has used since is left as it is. */
  [Symbol.dispose](): void {
    const { sequence } = this;
    if (sequence.length === this.#run?.end) sequence.truncate(this.#run.end - this.#ahead.length);
    this.#ahead = [];
    this.#run = undefined;
  }

  async #read(token: number): Promise<Float32Array> {
    this.#judge();
    this[Symbol.dispose]();
    const draft = this.#draft();
    const { sequence, options } = this;
    const signal = options.signal && { signal: options.signal };
    const start = this.#clock();
    const [logits, ...ahead] = await sequence.feedAll([token, ...draft], signal);
    this.#note(draft.length, this.#clock() - start);
    this.#ahead = ahead.map((logits, place) => ({ token: draft[place]!, logits }));
    return logits!;
  }

  /** What may come next, as far as it will be read. */
  #draft(): readonly number[] {
    const { stopTokens, maxNewTokens = Infinity } = this.options;
    const written = this.#past.length - this.#promptLength;
    const found = findDraft(this.#past, Math.min(this.#pace.count, maxNewTokens - written - 1));
    const stop = found.findIndex((token) => stopTokens?.has(token));
    let draft = stop < 0 ? found : found.slice(0, stop);
    while (draft.length > 0 && !this.sequence.canFeedAtOnce(1 + draft.length))
      draft = draft.slice(0, -1);
    return draft;
  }

  #note(drafted: number, milliseconds: number): void {
    this.#use = { ...this.#use, drafted: this.#use.drafted + drafted };
    if (drafted === 0) this.#pace.ranPlain(milliseconds);
    else this.#run = { milliseconds, drafted, end: this.sequence.length };
  }

  /** Known only now: how much of the last draft came true. */
  #judge(): void {
    if (!this.#run) return;
    this.#pace.ran({ ...this.#run, accepted: this.#run.drafted - this.#ahead.length });
  }
}

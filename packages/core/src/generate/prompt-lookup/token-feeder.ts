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
  /** The logits that follow this token. */
  next(token: number): Promise<Float32Array>;
  readonly use?: LookupUse;
}

export function plainFeeder(sequence: Sequence, options: FeedOptions): TokenFeeder {
  return { next: (token) => sequence.feed(token, options), [Symbol.dispose]: () => {} };
}

/** A drafted token that the sequence has read, and the logits that follow it. */
interface ReadAhead {
  readonly token: number;
  readonly logits: Float32Array;
}

/**
 * Reads with a token those that may come next, so that they need no run of their own when they come.
 * What is picked from the logits is the same as without, because a draft only says what to read.
 */
export class LookupFeeder implements TokenFeeder {
  readonly #past: number[];
  readonly #pace = new DraftPace();
  #ahead: readonly ReadAhead[] = [];
  /** The run that read them. */
  #run: { readonly milliseconds: number; readonly drafted: number } | undefined;
  #use: LookupUse = { drafted: 0, accepted: 0 };

  constructor(
    readonly sequence: Sequence,
    /** Of the prompt; NO_TOKEN for each picture. */
    past: readonly number[],
    readonly options: FeedOptions = {},
    readonly clock: () => number = () => performance.now(),
  ) {
    this.#past = [...past];
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

  [Symbol.dispose](): void {
    this.sequence.truncate(this.sequence.length - this.#ahead.length);
    this.#ahead = [];
  }

  async #read(token: number): Promise<Float32Array> {
    this.#judge();
    this[Symbol.dispose]();
    const draft = this.#draft();
    const start = this.clock();
    const [logits, ...ahead] = await this.sequence.feedAll([token, ...draft], this.options);
    this.#ahead = ahead.map((logits, place) => ({ token: draft[place]!, logits }));
    this.#note(draft.length, this.clock() - start);
    return logits!;
  }

  #draft(): readonly number[] {
    const draft = findDraft(this.#past, this.#pace.count);
    return this.sequence.canFeedAtOnce(1 + draft.length) ? draft : [];
  }

  #note(drafted: number, milliseconds: number): void {
    this.#use = { ...this.#use, drafted: this.#use.drafted + drafted };
    this.#run = drafted > 0 ? { milliseconds, drafted } : undefined;
    if (drafted === 0) this.#pace.ranPlain(milliseconds);
  }

  /** Known only now: how much of the last draft came true. */
  #judge(): void {
    if (!this.#run) return;
    this.#pace.ran({ ...this.#run, accepted: this.#run.drafted - this.#ahead.length });
  }
}

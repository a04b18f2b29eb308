/** A run of the model that read drafted tokens as well. */
export interface DraftRun {
  readonly milliseconds: number;
  readonly drafted: number;
  /** How many of them the answer then had. */
  readonly accepted: number;
}

const FIRST_DRAFT = 3;
const LONGEST_DRAFT = 8;
const FIRST_PAUSE = 16;
const LONGEST_PAUSE = 512;
/** Of so many runs without drafts the median says what a token costs, so that one slow run says nothing. */
const PLAIN_RUNS = 3;
/** After so many runs with drafts one goes without, because that cost changes. */
const PLAIN_EVERY = 32;
/** How much the latest run counts in an average. */
const SHARE = 0.3;

/**
 * How many tokens to draft: more while all come true, fewer where they do not, and none for a while
 * when a token takes longer than without. Judged by the clock, since what a drafted token costs
 * depends on device, model and context.
 */
export class DraftPace {
  #count = FIRST_DRAFT;
  #pause = 0;
  #nextPause = FIRST_PAUSE;
  #sincePlain = 0;
  #plain: readonly number[] = [];
  #drafting: number | undefined;

  /** For the next run. Zero until runs without drafts have shown what a token costs. */
  get count(): number {
    const isDue = this.#plain.length < PLAIN_RUNS || this.#sincePlain >= PLAIN_EVERY;
    return isDue || this.#pause > 0 ? 0 : this.#count;
  }

  ranPlain(milliseconds: number): void {
    this.#plain = [...this.#plain, milliseconds].slice(-PLAIN_RUNS);
    this.#pause = Math.max(0, this.#pause - 1);
    this.#sincePlain = 0;
  }

  ran({ milliseconds, drafted, accepted }: DraftRun): void {
    this.#sincePlain += 1;
    this.#drafting = average(this.#drafting, milliseconds / (accepted + 1));
    if (accepted === drafted) this.#count = Math.min(LONGEST_DRAFT, 2 * drafted);
    else this.#count = Math.max(1, Math.ceil((accepted + drafted) / 2));
    if (this.#drafting > median(this.#plain)) this.#rest();
    else this.#nextPause = FIRST_PAUSE;
  }

  #rest(): void {
    this.#pause = this.#nextPause;
    this.#nextPause = Math.min(LONGEST_PAUSE, 2 * this.#nextPause);
    this.#drafting = undefined;
    this.#count = FIRST_DRAFT;
  }
}

function average(past: number | undefined, latest: number): number {
  return past === undefined ? latest : past + SHARE * (latest - past);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

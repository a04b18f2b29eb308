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
  #plain: number | undefined;
  #drafting: number | undefined;

  /** For the next run. Zero until a run without drafts has shown what a token costs. */
  get count(): number {
    return this.#plain === undefined || this.#pause > 0 ? 0 : this.#count;
  }

  ranPlain(milliseconds: number): void {
    this.#plain = average(this.#plain, milliseconds);
    this.#pause = Math.max(0, this.#pause - 1);
  }

  ran({ milliseconds, drafted, accepted }: DraftRun): void {
    this.#drafting = average(this.#drafting, milliseconds / (accepted + 1));
    if (accepted === drafted) this.#count = Math.min(LONGEST_DRAFT, 2 * drafted);
    else this.#count = Math.max(1, Math.ceil((accepted + drafted) / 2));
    if (this.#drafting > this.#plain!) this.#rest();
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

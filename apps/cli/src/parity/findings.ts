import { relativeError } from '@lingbi/core';

/** What one comparison found. */
export interface Finding {
  /** `'prompt ids'`, `'logits'`: what was compared. */
  readonly what: string;
  readonly ok: boolean;
  /** The figure to print: `'24 of 24'`, `'3.1e-6'`. */
  readonly figure: string;
  /** What was expected and what came, when they differ. */
  readonly detail?: string;
}

/** Collects the findings of one case. */
export class Findings {
  readonly all: Finding[] = [];
  /** Parts of the case that nothing here can compare yet. */
  readonly notCompared: string[] = [];

  get passed(): boolean {
    return this.all.length > 0 && this.all.every(({ ok }) => ok);
  }

  /** Both must be the same plain data. */
  equal(what: string, found: unknown, expected: unknown, figure = 'equal'): void {
    const [left, right] = [JSON.stringify(found), JSON.stringify(expected)];
    if (left === right) this.all.push({ what, ok: true, figure });
    else this.all.push({ what, ok: false, figure: 'differs', detail: difference(left, right) });
  }

  /** The largest difference must stay within `tolerance` of the largest recorded magnitude. */
  close(
    what: string,
    found: ArrayLike<number>,
    expected: ArrayLike<number>,
    tolerance: number,
  ): void {
    const sameLength = found.length === expected.length;
    this.within(what, sameLength ? relativeError(found, expected) : Infinity, tolerance);
  }

  /** A relative error that was worked out elsewhere. */
  within(what: string, error: number, tolerance: number): void {
    const ok = error <= tolerance;
    const detail = `largest difference ${error} of the largest magnitude, allowed ${tolerance}`;
    this.all.push({ what, ok, figure: error.toExponential(1), ...(!ok && { detail }) });
  }

  /** The largest difference must stay within `tolerance`. */
  near(
    what: string,
    found: readonly number[],
    expected: readonly number[],
    tolerance: number,
  ): void {
    const differences = expected.map((number, place) => Math.abs(number - (found[place] ?? NaN)));
    const error = Math.max(0, ...differences);
    const ok = found.length === expected.length && error <= tolerance;
    const detail = `largest difference ${error}, allowed ${tolerance}; ${found.length} numbers, ${expected.length} recorded`;
    this.all.push({ what, ok, figure: error.toExponential(1), ...(!ok && { detail }) });
  }

  /** Token ids one by one. */
  tokens(what: string, found: readonly number[], expected: readonly number[]): void {
    const differs = expected.findIndex((id, index) => found[index] !== id);
    const same = differs < 0 ? Math.min(found.length, expected.length) : differs;
    const ok = differs < 0 && found.length === expected.length;
    const detail = `token ${same} is ${found[same]}, recorded ${expected[same]}`;
    this.all.push({ what, ok, figure: `${same}/${expected.length}`, ...(!ok && { detail }) });
  }
}

function difference(found = 'nothing', expected = 'nothing'): string {
  let at = 0;
  while (found[at] === expected[at]) at++;
  const near = (text: string) => text.slice(Math.max(0, at - 20), at + 60);
  return `found …${near(found)}…, recorded …${near(expected)}…`;
}

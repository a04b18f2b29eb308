import type { KvFormat } from '../backend/backend.ts';
import { formatBytes } from './format-bytes.ts';

/** What can be lowered, raised or chosen so that a request fits. */
export type BudgetSetting =
  | ('memoryBudget' | 'maxNewTokens' | 'beams' | 'hdNum' | 'kv')
  // Of a scheduler.
  | ('slots' | 'capacity')
  // What bounds an answer of a recipe (`settings.limit`).
  | ('newTokens' | 'totalTokens')
  // Of the checkpoint: what the decoder's matrices are converted to.
  | 'weights';

/** A setting, and the value with which the request fits: of those that are numbers the largest. */
export interface BudgetAdvice {
  readonly setting: BudgetSetting;
  readonly value: number | KvFormat | 'int4';
}

/** A model or a request would take more memory than it may. Nothing was loaded or run. */
export class MemoryBudgetError extends Error {
  override readonly name = 'MemoryBudgetError';
  constructor(
    doing: string,
    /** What it would take, in bytes. */
    readonly needed: number,
    /** What it may take, in bytes. */
    readonly budget: number,
    /** Settings that alone make it fit. */
    readonly advice: readonly BudgetAdvice[],
    /** What takes the most, for people: `'keys and values of 12,322 positions 3.0 GiB'`. */
    readonly reasons: readonly string[] = [],
  ) {
    super(
      `${doing} needs ${formatBytes(needed)}${reasons.length > 0 ? ` (${reasons.join(', ')})` : ''}, ` +
        `but may take ${formatBytes(budget)}. ${mend(needed, advice)}`,
    );
  }
}

/** How to set what is no option of the call. */
const means: Readonly<Partial<Record<BudgetSetting, string>>> = {
  weights: ' with lingbi convert',
};

function mend(needed: number, advice: readonly BudgetAdvice[]): string {
  const lower = advice.map(({ setting, value }) => `${setting} to ${value}${means[setting] ?? ''}`);
  const raise = `memoryBudget to at least ${formatBytes(needed)} if there is that much`;
  return `Set ${[...lower, raise].join(', or ')}`;
}

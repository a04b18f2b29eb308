import { freeMemory } from '@lingbi/core';

/** Room for what cannot be planned: the rest of the program, and other programs. */
const SHARE = 0.9;

/** What this process may take in all: what it has, and nine tenths of what is still free for it. */
export function defaultBudget(): number {
  return process.memoryUsage.rss() + SHARE * freeMemory();
}

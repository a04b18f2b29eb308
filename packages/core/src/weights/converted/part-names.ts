import type { WeightPart } from '../weight-source.ts';

/** What a converted checkpoint calls an array of one of our weights: no weight's name has a colon. */
export function partName(weight: string, part: WeightPart): string {
  return part === 'values' ? weight : `${weight}:${part}`;
}

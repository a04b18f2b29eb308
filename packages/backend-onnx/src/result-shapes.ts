import type { Dim } from '@lingbi/core';
import type { RunPlan } from './bind-run.ts';
import type { Results } from './spare-results.ts';

/** The shapes of a run's results, as far as its inputs settle them. */
export function resultShapes(plan: RunPlan): Results<readonly number[]> {
  const kept = plan.segments.reduce((sum, { kept = 1 }) => sum + kept, 0);
  return Object.values(plan.graph.outputs).map(({ shape }) => {
    const settled = shape.map((dim) => settle(dim, plan, kept));
    return settled.every((dim) => dim !== undefined) ? settled : undefined;
  });
}

/** `lastToken` calls what it keeps "sequences"; where an input has that name as well, it may mean both. */
function settle(dim: Dim, { lengths }: RunPlan, kept: number): number | undefined {
  if (typeof dim === 'number') return dim;
  const length = lengths.get(dim);
  if (dim !== 'sequences') return length;
  return length === undefined || length === kept ? kept : undefined;
}

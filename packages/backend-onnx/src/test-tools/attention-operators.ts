import { lowerGraph } from '../lower-graph.ts';
import type { GroupKind } from '../lowering.ts';
import { attentionGraph, type Heads } from './attended-text.ts';

/** The model that the graph becomes, in which operators stand by their names. */
export function operatorsOf(of: Heads, kind: GroupKind = 'slots', ownKernels = true): string {
  const { model } = lowerGraph(attentionGraph(of), {
    ...{ groups: [kind], accuracyLevel: 4, ownKernels, fusedRotary: true, placeholder: 'none' },
    weight: () => {
      throw new Error('it has no weights');
    },
  });
  return Buffer.from(model).toString('latin1');
}

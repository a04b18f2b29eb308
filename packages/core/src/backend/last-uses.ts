import type { Graph } from '../graph/graph.ts';

/** For each node, the tensors nobody reads after it and which are no outputs. */
export function lastUses(graph: Graph): readonly (readonly number[])[] {
  const kept = new Set(Object.values(graph.outputs).map(({ id }) => id));
  const last = new Map<number, number>();
  for (const [index, { inputs, outputs }] of graph.nodes.entries()) {
    for (const { id } of [...outputs, ...inputs]) last.set(id, index);
  }
  const dying: number[][] = graph.nodes.map(() => []);
  for (const [id, index] of last) if (!kept.has(id)) dying[index]!.push(id);
  return dying;
}

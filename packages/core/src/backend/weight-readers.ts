import { type Graph, isWeight, type OpName } from '../graph/graph.ts';

/** Which operations use each weight, by its name. */
export function weightReaders(graphs: readonly Graph[]): ReadonlyMap<string, ReadonlySet<OpName>> {
  const readers = new Map<string, Set<OpName>>();
  for (const { op, attributes } of graphs.flatMap(({ nodes }) => nodes)) {
    for (const { name } of Object.values(attributes).filter(isWeight)) {
      readers.set(name, (readers.get(name) ?? new Set()).add(op));
    }
  }
  return readers;
}

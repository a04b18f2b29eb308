import { type Graph, isWeight } from '@lingbi/core';

/** Names of weights that rows are looked up in, and that no other operation uses. */
export function findTables(graphs: readonly Graph[]): ReadonlySet<string> {
  const nodes = graphs.flatMap((graph) => graph.nodes);
  const namesOf = (isLookup: boolean) =>
    nodes
      .filter(({ op }) => (op === 'embed') === isLookup)
      .flatMap(({ attributes }) => Object.values(attributes).filter(isWeight))
      .map(({ name }) => name);
  const others = new Set(namesOf(false));
  return new Set(namesOf(true).filter((name) => !others.has(name)));
}

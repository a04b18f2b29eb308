import type { Graph, Node, NodeOf, Tensor } from '@lingbi/core';
import type { Gate } from './fuse-gates.ts';
import type { LoadedWeight } from './shared-weights.ts';

/** A sum and its norm, which nothing but one product reads. */
export interface NormedSum {
  readonly sum: NodeOf<'add'>;
  readonly norm: NodeOf<'rmsNorm'>;
}

/**
 * Products of kernels of ours that can add and normalise the rows they multiply by themselves, by the node that stands
 * for them. The sum is a result of theirs, so that nobody may read it before.
 */
export function findNormedProducts(
  graph: Graph,
  norms: ReadonlyMap<Node, NodeOf<'rmsNorm'>>,
  gates: ReadonlyMap<Node, Gate>,
  weightOf: (name: string) => LoadedWeight,
): ReadonlyMap<Node, NormedSum> {
  const sums = new Map([...norms].map(([sum, norm]) => [norm.outputs[0]!, { sum, norm }]));
  const readers = readersOf(graph);
  const found = new Map<Node, NormedSum>();
  for (const node of graph.nodes) {
    const products = productsOf(node, gates.get(node), weightOf);
    const normed = products[0] && sums.get(products[0].inputs[0]!);
    if (!normed) continue;
    const { sum, norm } = normed;
    const isAlone = readers
      .get(norm.outputs[0]!)!
      .every((each) => products.some((one) => one === each));
    const isFirst = readers
      .get(sum.outputs[0]!)!
      .every((each) => each === norm || isBehind(graph, each, node));
    if (isAlone && isFirst) found.set(node, { sum: sum as NodeOf<'add'>, norm });
  }
  return found;
}

/** What of a graph a node computes: a product, or the two of a gate. */
function productsOf(
  node: Node,
  gate: Gate | undefined,
  weightOf: (name: string) => LoadedWeight,
): readonly NodeOf<'linear'>[] {
  if (gate) return [gate.gate, gate.up];
  return node.op === 'linear' && isOurs(node, weightOf) ? [node] : [];
}

function isOurs(
  { attributes: { weight } }: NodeOf<'linear'>,
  weightOf: (name: string) => LoadedWeight,
): boolean {
  const loaded = weightOf(weight.name);
  return loaded.kind === 'blocks' && loaded.multiplier === 'lingbi';
}

/** Who reads a tensor: nodes, or the graph itself where it is a result. */
type Reader = Node | 'result';

function readersOf({ nodes, outputs }: Graph): ReadonlyMap<Tensor, readonly Reader[]> {
  const readers = new Map<Tensor, Reader[]>();
  const add = (tensor: Tensor, reader: Reader) =>
    readers.set(tensor, [...(readers.get(tensor) ?? []), reader]);
  for (const node of nodes) for (const input of node.inputs) add(input, node);
  for (const output of Object.values(outputs)) add(output, 'result');
  return readers;
}

function isBehind({ nodes }: Graph, reader: Reader, node: Node): boolean {
  return reader === 'result' || nodes.indexOf(reader) > nodes.indexOf(node);
}

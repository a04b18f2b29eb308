import type { Graph, Node, NodeOf, Tensor } from '@lingbi/core';
import type { BlockWeight, LoadedWeight } from './shared-weights.ts';

/** The two products that a swiglu multiplies, where one kernel of ours does all three. */
export interface Gate {
  readonly gate: NodeOf<'linear'>;
  readonly up: NodeOf<'linear'>;
}

/** Both must multiply the same rows by blocks of one kind, and be there for nothing else. */
export function findGates(
  graph: Graph,
  weightOf: (name: string) => LoadedWeight,
): ReadonlyMap<Node, Gate> {
  const products = new Map<Tensor, NodeOf<'linear'>>();
  const readers = countReaders(graph);
  for (const node of graph.nodes) {
    const [out] = node.outputs;
    if (node.op === 'linear' && readers.get(out!) === 1) products.set(out!, node);
  }
  const gates = new Map<Node, Gate>();
  for (const node of graph.nodes) {
    if (node.op !== 'swiglu') continue;
    const [gate, up] = node.inputs.map((each) => products.get(each));
    if (gate && up && gate !== up && areAlike(gate, up, weightOf)) gates.set(node, { gate, up });
  }
  return gates;
}

/** Results are read once more, by who asked for them. */
function countReaders({ nodes, outputs }: Graph): ReadonlyMap<Tensor, number> {
  const readers = new Map<Tensor, number>();
  for (const tensor of [...nodes.flatMap(({ inputs }) => inputs), ...Object.values(outputs)]) {
    readers.set(tensor, (readers.get(tensor) ?? 0) + 1);
  }
  return readers;
}

function areAlike(
  gate: NodeOf<'linear'>,
  up: NodeOf<'linear'>,
  weightOf: (name: string) => LoadedWeight,
): boolean {
  const [first, second] = [gate, up].map(({ attributes: { weight, bias } }) => {
    const loaded = weightOf(weight.name);
    return bias || loaded.kind !== 'blocks' ? undefined : kindOf(loaded, weight.shape);
  });
  return gate.inputs[0] === up.inputs[0] && first !== undefined && first === second;
}

function kindOf({ multiplier, bits, blockSize }: BlockWeight, shape: readonly number[]) {
  return multiplier === 'lingbi' ? [bits, blockSize, ...shape].join() : undefined;
}

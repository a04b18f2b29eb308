import type { Graph, Node, NodeOf, Tensor } from '@lingbi/core';

/**
 * Sums whose rmsNorm can be computed in the same pass, with that norm. The sum may have other
 * readers: it stays a result. Operands must have one shape, of two or three axes, because
 * SkipSimplifiedLayerNormalization repeats nothing.
 */
export function findFusedNorms(graph: Graph): ReadonlyMap<Node, NodeOf<'rmsNorm'>> {
  const sums = new Map<Tensor, Node>();
  const fused = new Map<Node, NodeOf<'rmsNorm'>>();
  for (const node of graph.nodes) {
    if (node.op === 'add' && canFuse(node)) sums.set(node.outputs[0]!, node);
    if (node.op !== 'rmsNorm') continue;
    const sum = sums.get(node.inputs[0]!);
    if (sum && !fused.has(sum)) fused.set(sum, node);
  }
  return fused;
}

function canFuse({ inputs: [a, b] }: NodeOf<'add'>): boolean {
  const rank = a!.shape.length;
  return (rank === 2 || rank === 3) && a!.shape.join() === b!.shape.join();
}

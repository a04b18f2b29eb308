import { type Graph, isWeight, type Node, type Tensor } from '@lingbi/core';

/**
 * Names of weights that ONNX Runtime's optimizer has no reason to look at: those that only ever
 * multiply or are looked up by something a run gives. The large ones are all of this kind.
 */
export function findOpaqueWeights(graph: Graph): ReadonlySet<string> {
  const constants = findConstants(graph);
  const opaque = new Set<string>();
  const seen = new Set<string>();
  for (const node of graph.nodes) {
    const matrix = constants.has(node.inputs[0]!) ? undefined : matrixOf(node);
    if (matrix) opaque.add(matrix);
    for (const { name } of Object.values(node.attributes).filter(isWeight)) {
      if (name !== matrix) seen.add(name);
    }
  }
  return new Set([...opaque].filter((name) => !seen.has(name)));
}

function matrixOf({ op, attributes }: Node): string | undefined {
  if (op === 'linear') return attributes.weight.name;
  if (op === 'embed') return attributes.table.name;
  return undefined;
}

/** Tensors that are the same in every run, because they are computed of weights alone. */
function findConstants({ nodes }: Graph): ReadonlySet<Tensor> {
  const constants = new Set<Tensor>();
  for (const { inputs, outputs } of nodes) {
    if (!inputs.every((each) => constants.has(each))) continue;
    for (const output of outputs) constants.add(output);
  }
  return constants;
}

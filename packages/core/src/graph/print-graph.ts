import { type Graph, isWeight, type Node, type Shape, type Tensor } from './graph.ts';

/**
 * The graph as text, one line a node:
 *
 *     %4 [tokens, 96] = linear(%3, layers.0.attention.qkv [96, 64])   # layers.0/attention
 */
export function printGraph(graph: Graph): string {
  const inputs = Object.entries(graph.inputs).map(([key, tensor]) => `${show(tensor)} ${key}`);
  const outputs = Object.entries(graph.outputs).map(([key, { id }]) => `${key}: %${id}`);
  return [
    `${graph.name}(${inputs.join(', ')})`,
    ...graph.nodes.map((node) => `  ${printNode(node)}`),
    `  return ${outputs.join(', ')}`,
  ].join('\n');
}

function printNode({ op, inputs, outputs, attributes, scope }: Node): string {
  const operands = [
    ...inputs.map(({ id }) => `%${id}`),
    ...Object.entries(attributes).map(([key, value]) => printAttribute(key, value)),
  ];
  const where = scope && `   # ${scope}`;
  return `${outputs.map(show).join(', ')} = ${op}(${operands.join(', ')})${where}`;
}

function printAttribute(key: string, value: unknown): string {
  if (isWeight(value)) return `${value.name} ${showShape(value.shape)}`;
  return `${key}: ${JSON.stringify(value)}`;
}

function show({ id, shape }: Tensor): string {
  return `%${id} ${showShape(shape)}`;
}

/** A shape as messages write it: `[tokens, 64]`. */
export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

import type { Graph, Node, OpName, Tensor } from '../graph/graph.ts';
import { lastUses } from './last-uses.ts';
import type { RunSize } from './memory-model.ts';

export interface LiveOptions {
  /** Operations that write over their first operand when nobody needs it any more. */
  readonly inPlace?: ReadonlySet<OpName>;
  /** What an operation needs while it is at work. */
  readonly workspace?: (node: Node) => number;
}

/**
 * The most bytes that inputs, intermediate results and workspace take at any moment of a run, when
 * every value dies after its last use.
 */
export function liveBytes(graph: Graph, size: RunSize, options: LiveOptions = {}): number {
  const { inPlace = new Set<OpName>(), workspace = () => 0 } = options;
  const dying = lastUses(graph);
  const held = new Map<number, number>();
  const hold = (tensor: Tensor, bytes: number) => held.set(tensor.id, bytes);
  for (const tensor of Object.values(graph.inputs)) hold(tensor, tensorBytes(tensor, size));
  let live = sumOf(held.values());
  let most = live;
  for (const [index, node] of graph.nodes.entries()) {
    const isFree = node.op === 'parameter' || takesOver(node, dying[index]!, inPlace);
    for (const tensor of node.outputs) hold(tensor, isFree ? 0 : tensorBytes(tensor, size));
    live += sumOf(node.outputs.map(({ id }) => held.get(id)!));
    most = Math.max(most, live + workspace(node));
    const [first] = node.inputs;
    if (isFree && first) hold(node.outputs[0]!, held.get(first.id)!);
    live -= sumOf(dying[index]!.map((id) => (isFree && id === first?.id ? 0 : held.get(id)!)));
  }
  return most;
}

function takesOver(
  { op, inputs }: Node,
  dying: readonly number[],
  inPlace: ReadonlySet<OpName>,
): boolean {
  return inPlace.has(op) && inputs[0] !== undefined && dying.includes(inputs[0].id);
}

/** Bytes of a tensor once its lengths are settled; names that a run does not settle count as one. */
export function tensorBytes({ shape, dtype }: Tensor, { tokens, sequences }: RunSize): number {
  const lengths: Readonly<Record<string, number>> = { tokens, sequences };
  return shape.reduce<number>(
    (product, dim) => product * (typeof dim === 'number' ? dim : (lengths[dim] ?? 1)),
    bytesPerNumber[dtype],
  );
}

const bytesPerNumber = { float32: 4, float16: 2, int32: 4, uint8: 1 } as const;

function sumOf(numbers: Iterable<number>): number {
  let sum = 0;
  for (const number of numbers) sum += number;
  return sum;
}

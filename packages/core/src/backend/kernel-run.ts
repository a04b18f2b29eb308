import { setImmediate } from 'node:timers/promises';
import type { Graph, OpName } from '../graph/graph.ts';
import type { Kernel, KernelContext, KernelTable } from './kernel-table.ts';

/** Kernels may block; between nodes the event loop gets a turn at least this often, in milliseconds. */
const BREATH = 10;

interface NodesRun<T> {
  readonly table: KernelTable<T>;
  readonly graph: Graph;
  /** Values of the graph's inputs by tensor id; they belong to the run. */
  readonly inputs: Map<number, T>;
  /** For each node, the tensors that die after it. */
  readonly dying: readonly (readonly number[])[];
  readonly context: KernelContext<T>;
  readonly signal?: AbortSignal;
}

/** Runs the nodes in order and returns the values of the outputs; all others are disposed. */
export async function runNodes<T>(run: NodesRun<T>): Promise<Readonly<Record<string, T>>> {
  const values = new Values(run.table, run.inputs);
  let breathed = performance.now();
  try {
    for (const index of run.graph.nodes.keys()) {
      runNode(run, index, values);
      if (performance.now() - breathed > BREATH) {
        await setImmediate();
        breathed = performance.now();
      }
      run.signal?.throwIfAborted();
    }
    return values.keepOnly(run.graph);
  } catch (error) {
    values.disposeAll();
    throw error;
  }
}

function runNode<T>(
  { table, graph, context, dying }: NodesRun<T>,
  index: number,
  values: Values<T>,
) {
  const { op, inputs, outputs, attributes } = graph.nodes[index]!;
  if (op === 'parameter') {
    values.borrow(outputs[0]!.id, context.weight(attributes.weight));
  } else {
    const kernel = table.kernels[op] as Kernel<OpName, T>;
    const operands = inputs.map(({ id }) => values.get(id));
    const made = kernel(operands, attributes as never, context);
    const results = (outputs.length === 1 ? [made] : made) as readonly T[];
    for (const [place, { id }] of outputs.entries()) values.own(id, results[place]!);
  }
  for (const id of dying[index]!) values.drop(id);
}

/** What a run holds: values it made and must dispose, and weights that it only borrows. */
class Values<T> {
  readonly #owned: Map<number, T>;
  readonly #borrowed = new Map<number, T>();

  constructor(
    readonly table: KernelTable<T>,
    inputs: Map<number, T>,
  ) {
    this.#owned = inputs;
  }

  get(id: number): T {
    return (this.#owned.get(id) ?? this.#borrowed.get(id))!;
  }

  own(id: number, value: T): void {
    this.#owned.set(id, value);
  }

  borrow(id: number, value: T): void {
    this.#borrowed.set(id, value);
  }

  drop(id: number): void {
    const value = this.#owned.get(id);
    if (value === undefined) return;
    this.#owned.delete(id);
    this.table.dispose(value);
  }

  /** The values of the outputs by their names, each one's own; everything else is disposed. */
  keepOnly(graph: Graph): Readonly<Record<string, T>> {
    const kept = Object.entries(graph.outputs).map(
      ([key, { id }]) => [key, this.#take(id)] as const,
    );
    this.disposeAll();
    return Object.fromEntries(kept);
  }

  /** A borrowed value, or one that is another output already, is copied. */
  #take(id: number): T {
    const own = this.#owned.get(id);
    if (own === undefined) return this.table.clone(this.get(id));
    this.#owned.delete(id);
    this.#borrowed.set(id, own);
    return own;
  }

  disposeAll(): void {
    for (const id of [...this.#owned.keys()]) this.drop(id);
  }
}

import { GraphError } from './errors.ts';
import {
  type CacheLayer,
  type DType,
  type Graph,
  isWeight,
  type Node,
  type OpAttributes,
  type OpName,
  type Shape,
  type Tensor,
  type Weight,
} from './graph.ts';

export interface InputSpec {
  readonly shape: Shape;
  readonly dtype: DType;
}

interface Recording {
  readonly name: string;
  readonly nodes: Node[];
  readonly weights: Map<string, Weight>;
  readonly parameters: Map<string, Tensor>;
  readonly cache: CacheLayer[];
  scope: string;
  nextId: number;
}

/** Which graph a tensor belongs to: operations find it through their operands, so nothing is global. */
const recordings = new WeakMap<Tensor, Recording>();

/**
 * Runs `build` once on symbolic inputs and returns the graph it recorded.
 *
 * @throws GraphError when shapes do not fit, naming the operation, the weight and both shapes.
 */
export function trace<Inputs extends Record<string, InputSpec>>(
  name: string,
  inputSpecs: Inputs,
  build: (inputs: { [K in keyof Inputs]: Tensor }) => Record<string, Tensor>,
): Graph {
  const own = newRecording(name);
  const inputs = Object.fromEntries(
    Object.entries(inputSpecs).map(([key, { shape, dtype }]) => [
      key,
      newTensor(own, shape, dtype),
    ]),
  ) as { [K in keyof Inputs]: Tensor };
  const outputs = build(inputs);
  for (const [key, output] of Object.entries(outputs)) {
    if (recordings.get(output) !== own) {
      throw new GraphError(`The output "${key}" of "${name}" was not computed inside its trace()`);
    }
  }
  const { nodes, weights, cache } = own;
  return { name, inputs, outputs, nodes, weights: [...weights.values()], cache };
}

/** What a result looks like: most operations make one tensor of the dtype of their first operand. */
export interface ResultSpec {
  readonly shape: Shape;
  readonly dtype?: DType;
}

/**
 * Records one node and returns its results; their shapes are the caller's to work out.
 * A weight among the operands stands for its numbers.
 */
export function record<Op extends OpName>(
  op: Op,
  operands: readonly (Tensor | Weight)[],
  attributes: OpAttributes[Op],
  results: readonly ResultSpec[],
): Tensor[] {
  const own = sharedRecording(op, operands.filter(isTensor));
  const inputs = operands.map((operand) =>
    isTensor(operand) ? operand : parameterIn(own, operand),
  );
  return append(own, op, inputs, attributes, results);
}

/** Names the part of the model that `build` records, for messages and profiles. */
export function inScope<T>(anchor: Tensor, name: string, build: () => T): T {
  const own = sharedRecording('scope', [anchor]);
  const outer = own.scope;
  own.scope = outer ? `${outer}/${name}` : name;
  try {
    return build();
  } finally {
    own.scope = outer;
  }
}

function isTensor(operand: Tensor | Weight): operand is Tensor {
  return 'id' in operand;
}

function newRecording(name: string): Recording {
  return {
    name,
    nodes: [],
    weights: new Map(),
    parameters: new Map(),
    cache: [],
    scope: '',
    nextId: 0,
  };
}

function newTensor(recording: Recording, shape: Shape, dtype: DType): Tensor {
  const created: Tensor = { id: recording.nextId++, shape, dtype };
  recordings.set(created, recording);
  return created;
}

function append<Op extends OpName>(
  own: Recording,
  op: Op,
  inputs: readonly Tensor[],
  attributes: OpAttributes[Op],
  results: readonly ResultSpec[],
): Tensor[] {
  const outputs = results.map(({ shape, dtype }) =>
    newTensor(own, shape, dtype ?? inputs[0]?.dtype ?? 'float32'),
  );
  own.nodes.push({ op, inputs, outputs, attributes, scope: own.scope } as Node);
  for (const weight of Object.values(attributes).filter(isWeight)) noteWeight(own, weight);
  if ('cache' in attributes) own.cache.push(attributes.cache as CacheLayer);
  return outputs;
}

/** The same weight used twice is one node. */
function parameterIn(own: Recording, weight: Weight): Tensor {
  const known = own.parameters.get(weight.name);
  if (known) return known;
  const [created] = append(own, 'parameter', [], { weight }, [
    { shape: weight.shape, dtype: 'float32' },
  ]);
  own.parameters.set(weight.name, created!);
  return created!;
}

function noteWeight(own: Recording, weight: Weight): void {
  const known = own.weights.get(weight.name);
  if (known && known.shape.join() !== weight.shape.join()) {
    throw new GraphError(
      `"${own.name}" uses ${weight.name} as [${known.shape.join(', ')}] and as [${weight.shape.join(', ')}]: a weight has one shape`,
    );
  }
  own.weights.set(weight.name, weight);
}

function sharedRecording(op: string, operands: readonly Tensor[]): Recording {
  const [first, ...others] = operands.map((operand) => recordings.get(operand));
  if (!first) {
    throw new GraphError(
      `Cannot record ${op}: none of its operands comes from a graph. Build it inside trace()`,
    );
  }
  for (const other of others) {
    if (other !== first) {
      throw new GraphError(
        `Cannot record ${op}: it mixes tensors of "${first.name}" and "${other?.name}"`,
      );
    }
  }
  return first;
}

import {
  type CacheLayer,
  type Graph,
  type Node,
  type NodeOf,
  type OpName,
  type Tensor,
  UnsupportedError,
  type Weight,
} from '@lingbi/core';
import { findGates } from './fuse-gates.ts';
import { findNormedProducts } from './fuse-normed-products.ts';
import { findFusedNorms } from './fuse-norms.ts';
import type { GroupKind, Lowering, LowerOp } from './lowering.ts';
import { lowerings } from './lowerings/index.ts';
import { multiplyGated, multiplyNormed } from './lowerings/linear.ts';
import { addRmsNorm } from './lowerings/norms.ts';
import { type Attributes, ModelWriter } from './model-writer.ts';
import { findOpaqueWeights } from './opaque-weights.ts';
import { graphInput, graphOutput, rotaryTable } from './run-inputs.ts';
import {
  type EncodedWeight,
  isPacked,
  type LoadedWeight,
  type Parameter,
  parametersOf,
} from './shared-weights.ts';

export type { GroupKind };

export interface KernelOptions {
  /** Whether there are operators of ours (native/). */
  readonly ownKernels: boolean;
  /** Whether attention may rotate by itself, with a table and row numbers. Only CPU kernels can. */
  readonly fusedRotary: boolean;
}

export interface LowerOptions extends KernelOptions {
  /** The groups of sequences that a run has. */
  readonly groups: readonly GroupKind[];
  readonly accuracyLevel: number;
  /** A file that exists beside the library, as the place where parameters are said to stand. */
  readonly placeholder: string;
  weight(name: string): LoadedWeight;
}

/** A graph as an ONNX model, and what a session over it has to be given. */
export interface LoweredGraph {
  readonly model: Uint8Array;
  /** Names of the model's inputs that are no parameters; see run-inputs.ts. */
  readonly inputs: ReadonlySet<string>;
  readonly parameters: readonly Parameter[];
  /** Those of them whose numbers the optimizer may want to see. */
  readonly visible: readonly Parameter[];
  /** Graph inputs that are handed over as rotary tables. */
  readonly tableInputs: readonly string[];
  /** Whether it multiplies by weights of which kernels pack a copy. */
  readonly needsPrepacking: boolean;
  /** Whether a session needs operators of ours. */
  readonly usesKernels: boolean;
}

/** GroupQueryAttention rotates by itself when the width of a head is a multiple of this. */
const FUSED_ROTARY_STEP = 16;

/** @throws UnsupportedError for what ONNX Runtime has no kernel for. */
export function lowerGraph(graph: Graph, options: LowerOptions): LoweredGraph {
  requireFloat32(graph);
  const model = new ModelWriter();
  const tables = findTables(graph, options);
  declareInputs(graph, model, tables);
  const lowering = createLowering(graph, model, tables, options);
  lowerNodes(graph, lowering, options);
  declareOutputs(graph, model, lowering);
  const weights = graph.weights.map(({ name }) => options.weight(name));
  const opaque = findOpaqueWeights(graph);
  const visible = graph.weights.filter(({ name }) => !opaque.has(name));
  return {
    model: model.finish(graph.name),
    inputs: new Set(model.inputNames),
    parameters: weights.flatMap(parametersOf),
    visible: visible.flatMap(({ name }) => parametersOf(options.weight(name))),
    tableInputs: [...tables.keys()].map((tensor) => keyOf(graph, tensor)),
    needsPrepacking: weights.some(isPacked),
    usesKernels: model.usesKernels,
  };
}

function lowerNodes(graph: Graph, lowering: Lowering, { weight }: LowerOptions): void {
  const fusedNorms = findFusedNorms(graph);
  const gates = findGates(graph, weight);
  const gated = [...gates.values()].flatMap(({ gate, up }) => [gate, up]);
  const normed = findNormedProducts(graph, fusedNorms, gates, weight);
  const added = [...normed.values()].map(({ sum }) => sum);
  const done = new Set<Node>([...fusedNorms.values(), ...gated, ...added]);
  for (const node of graph.nodes) {
    if (done.has(node)) continue;
    const norm = fusedNorms.get(node);
    const gate = gates.get(node);
    const rows = normed.get(node);
    if (norm) addRmsNorm(node as NodeOf<'add'>, norm, lowering);
    else if (gate) multiplyGated(node as NodeOf<'swiglu'>, gate, lowering, rows);
    else if (rows) multiplyNormed(node as NodeOf<'linear'>, rows, lowering);
    else (lowerings[node.op] as LowerOp<OpName>)(node, lowering);
  }
}

function createLowering(
  graph: Graph,
  model: ModelWriter,
  tables: ReadonlyMap<Tensor, string>,
  options: LowerOptions,
): Lowering {
  const { groups, accuracyLevel, ownKernels, placeholder, weight: loaded } = options;
  const inputKeys = new Map(Object.entries(graph.inputs).map(([key, tensor]) => [tensor, key]));
  let count = 0;
  const fresh = (hint: string) => `${hint}.${count++}`;
  const declare = ({ name, type, shape }: Parameter) =>
    model.parameter(name, type, shape, placeholder);
  const denseValues = (weight: Weight, op: OpName): Parameter => {
    const found = loaded(weight.name);
    if (found.kind === 'dense') return found.values;
    throw new UnsupportedError(
      `"${graph.name}" uses ${weight.name} in ${op}, but its checkpoint holds it in ${sayEncoding(found)}. ` +
        'Only linear multiplies those: convert the checkpoint with this weight as float16',
    );
  };
  return {
    model,
    accuracyLevel,
    ownKernels,
    ownAttention: attendsByKernel(graph, options),
    groups,
    fresh,
    name: (tensor) => {
      const key = inputKeys.get(tensor);
      return key === undefined ? `t${tensor.id}` : graphInput(key);
    },
    add(operator: string, inputs: readonly string[], attributes: Attributes = {}) {
      const result = fresh(operator);
      model.node(operator, inputs, [result], attributes);
      return result;
    },
    dense: (weight: Weight, op: OpName) => declare(denseValues(weight, op)),
    table(weight: Weight) {
      const values = denseValues(weight, 'embed');
      return { name: declare(values), type: values.type };
    },
    encoded(weight: Weight) {
      const found = loaded(weight.name);
      if (found.kind === 'dense') return undefined;
      for (const parameter of parametersOf(found)) declare(parameter);
      return found;
    },
    rotaryTable: (angles: Tensor) => tables.get(angles),
  };
}

function sayEncoding(weight: EncodedWeight): string {
  return weight.kind === 'blocks' ? `blocks of ${weight.bits} bits` : 'channels of 8 bits';
}

/** Wider heads kernels of ours do not know (native/attention-steps.h). */
const MOST_HEAD_DIM = 256;

/** Whether kernels of ours attend to pasts in a graph: they turn queries and keys by the rows of tables. */
export function attendsByKernel(graph: Graph, options: KernelOptions): boolean {
  const isKnown = graph.cache.every(({ headDim }) => headDim <= MOST_HEAD_DIM);
  return options.ownKernels && isKnown && findTables(graph, options).size > 0;
}

/**
 * Inputs that only give angles to attention become tables: GroupQueryAttention wants at least as
 * many rows as the whole sequence is long, though each token names its row.
 */
function findTables(graph: Graph, { fusedRotary }: KernelOptions): ReadonlyMap<Tensor, string> {
  const canFuse = ({ headDim }: CacheLayer) => headDim % FUSED_ROTARY_STEP === 0;
  if (!fusedRotary || !graph.cache.every(canFuse)) return new Map();
  const angles = graph.nodes.flatMap(({ op, inputs }) =>
    op === 'attention' ? inputs.slice(1) : [],
  );
  const others = new Set(
    graph.nodes.flatMap(({ op, inputs }) => (op === 'attention' ? inputs.slice(0, 1) : inputs)),
  );
  for (const output of Object.values(graph.outputs)) others.add(output);
  const given = new Set(Object.values(graph.inputs));
  // Tables come for all angles or for none: each attention needs both of its own.
  if (!angles.every((each) => given.has(each) && !others.has(each))) return new Map();
  return new Map(
    Object.entries(graph.inputs).flatMap(([key, tensor]) =>
      angles.includes(tensor) ? [[tensor, rotaryTable(key)]] : [],
    ),
  );
}

function declareInputs(
  graph: Graph,
  model: ModelWriter,
  tables: ReadonlyMap<Tensor, string>,
): void {
  for (const [key, tensor] of Object.entries(graph.inputs)) {
    const isTable = tables.has(tensor);
    const shape = isTable ? ['tableRows', tensor.shape[1]!] : tensor.shape;
    model.input(isTable ? rotaryTable(key) : graphInput(key), tensor.dtype, shape);
  }
}

/** Results keep names of their own: an input or a weight may be an output too, or one be two. */
function declareOutputs(graph: Graph, model: ModelWriter, { name }: Lowering): void {
  for (const [key, tensor] of Object.entries(graph.outputs)) {
    model.node('Identity', [name(tensor)], [graphOutput(key)]);
    model.output(graphOutput(key), tensor.dtype, tensor.shape);
  }
}

function keyOf({ inputs }: Graph, tensor: Tensor): string {
  return Object.keys(inputs).find((key) => inputs[key] === tensor)!;
}

function requireFloat32(graph: Graph): void {
  const all = [...Object.values(graph.inputs), ...graph.nodes.flatMap(({ outputs }) => outputs)];
  if (!all.some(({ dtype }) => dtype === 'float16')) return;
  throw new UnsupportedError(
    `"${graph.name}" computes in float16, which this backend does not yet: trace it with float32`,
  );
}

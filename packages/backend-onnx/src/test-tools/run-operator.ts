import { loadRuntime } from '../library.ts';
import { type Attributes, type ElementType, ModelWriter } from '../model-writer.ts';
import { findProvider } from '../providers.ts';
import { OnnxSession } from '../session.ts';
import { type ElementArray, valueOver } from '../values.ts';

/** Zeros, unless there is data. */
export interface OperatorInput {
  readonly shape: readonly number[];
  /** Default: float32. */
  readonly type?: ElementType;
  readonly data?: ElementArray;
}

/** An operator of ours, with how many axes each of its outputs has. */
export interface Operator {
  readonly name: string;
  readonly attributes: Attributes;
  readonly outputs: Readonly<Record<string, number>>;
}

/** Runs an operator by itself. Returns the shapes of what comes out. */
export async function runOperator(
  operator: Operator,
  inputs: Readonly<Record<string, OperatorInput>>,
): Promise<readonly (readonly number[])[]> {
  const runtime = loadRuntime();
  const prepackedWeights = runtime.api.create('testing', 'CreatePrepackedWeightsContainer');
  const provider = findProvider('cpu', runtime);
  const settings = { provider, threads: 1, prepack: false, prepackedWeights };
  const outputs = Object.keys(operator.outputs);
  try {
    const lowered = modelOf(operator, inputs);
    using session = await OnnxSession.open(runtime, operator.name, lowered, outputs, settings);
    for (const [name, { type = 'float32', shape, data }] of Object.entries(inputs)) {
      session.bindInput(name, valueOver(runtime, type, shape, data ?? zeros(type, shape)));
    }
    return (await session.run()).map((value) => {
      using held = value;
      return held.shape;
    });
  } finally {
    runtime.api.release('ReleasePrepackedWeightsContainer', prepackedWeights);
  }
}

function modelOf(
  { name, attributes, outputs }: Operator,
  inputs: Readonly<Record<string, OperatorInput>>,
) {
  const model = new ModelWriter();
  for (const [input, { type = 'float32', shape }] of Object.entries(inputs)) {
    model.input(input, type, shape);
  }
  model.node(name, Object.keys(inputs), Object.keys(outputs), attributes);
  for (const [output, axes] of Object.entries(outputs)) {
    const shape = Array.from({ length: axes }, (_, axis) => `${output}${axis}`);
    model.output(output, 'float32', shape);
  }
  return {
    ...{ model: model.finish(name), inputs: new Set(Object.keys(inputs)) },
    ...{ parameters: [], visible: [], tableInputs: [], needsPrepacking: false },
    usesKernels: model.usesKernels,
  };
}

function zeros(type: ElementType, shape: readonly number[]): ElementArray {
  const length = shape.reduce((product, each) => product * each, 1);
  switch (type) {
    case 'uint8':
      return new Uint8Array(length);
    case 'int32':
      return new Int32Array(length);
    case 'int64':
      return new BigInt64Array(length);
    default:
      return new Float32Array(length);
  }
}

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
  /** Of outputs that are not float32. */
  readonly types?: Readonly<Record<string, ElementType>>;
  /** Outputs that are written where an input stands. */
  readonly over?: Readonly<Record<string, string>>;
}

/** In the operator's order; undefined where one is left out. */
export type OperatorInputs = Readonly<Record<string, OperatorInput | undefined>>;

/**
 * Runs an operator by itself. Returns the shapes of what comes out beside what is written over inputs. `place`
 * says where the numbers of inputs stand meanwhile.
 */
export async function runOperator(
  operator: Operator,
  inputs: OperatorInputs,
  place: (numbers: ElementArray) => ElementArray = (numbers) => numbers,
): Promise<readonly (readonly number[])[]> {
  const runtime = loadRuntime();
  const prepackedWeights = runtime.api.create('testing', 'CreatePrepackedWeightsContainer');
  const provider = findProvider('cpu', runtime);
  const settings = { provider, threads: 1, prepack: false, prepackedWeights };
  const { over = {} } = operator;
  const outputs = Object.keys(operator.outputs).filter((output) => !over[output]);
  try {
    const lowered = modelOf(operator, inputs);
    using session = await OnnxSession.open(runtime, operator.name, lowered, outputs, settings);
    for (const [name, { type = 'float32', shape, data }] of given(inputs)) {
      const numbers = place(data ?? zeros(type, shape));
      const value = valueOver(runtime, type, shape, numbers);
      session.bindInput(name, value);
      for (const [output, input] of Object.entries(over)) {
        if (input === name) session.bindOutput(output, value);
      }
    }
    return (await session.run()).map((value) => {
      using held = value;
      return held.shape;
    });
  } finally {
    runtime.api.release('ReleasePrepackedWeightsContainer', prepackedWeights);
  }
}

function given(inputs: OperatorInputs): readonly (readonly [string, OperatorInput])[] {
  return Object.entries(inputs).flatMap(([name, input]) => (input ? [[name, input]] : []));
}

function modelOf({ name, attributes, outputs, types }: Operator, inputs: OperatorInputs) {
  const model = new ModelWriter();
  for (const [input, { type = 'float32', shape }] of given(inputs)) model.input(input, type, shape);
  const names = Object.entries(inputs).map(([input, is]) => (is ? input : ''));
  model.node(name, names, Object.keys(outputs), attributes);
  for (const [output, axes] of Object.entries(outputs)) {
    const shape = Array.from({ length: axes }, (_, axis) => `${output}${axis}`);
    model.output(output, types?.[output] ?? 'float32', shape);
  }
  return {
    ...{ model: model.finish(name), inputs: new Set(model.inputNames) },
    ...{ parameters: [], visible: [], tableInputs: [], needsPrepacking: false },
    usesKernels: model.usesKernels,
  };
}

function zeros(type: ElementType, shape: readonly number[]): ElementArray {
  const length = shape.reduce((product, each) => product * each, 1);
  switch (type) {
    case 'uint8':
      return new Uint8Array(length);
    case 'int8':
      return new Int8Array(length);
    case 'int32':
      return new Int32Array(length);
    case 'int64':
      return new BigInt64Array(length);
    case 'float16':
    case 'bfloat16':
      return new Uint16Array(length);
    default:
      return new Float32Array(length);
  }
}

/** Operations on the native library's own tensors, in number formats that tfjs does not have. */
import type { Tensor } from '@tensorflow/tfjs';
import type { TensorFlow } from '../engines/engine.ts';
import {
  type RawAttribute,
  type RawBinding,
  type RawResult,
  type RawTensor,
  rawBinding,
  tensorOfRaw,
} from '../engines/raw-binding.ts';

/** TensorFlow's numbers of its formats (tensorflow/core/framework/types.proto). */
const TYPES = { float32: 1, int32: 3, uint8: 4, int8: 6, bfloat16: 14 } as const;
export type RawType = keyof typeof TYPES;

/** An attribute of an operation: a format by its name, a switch or a whole number. */
type Attributes = Readonly<Record<string, RawType | boolean | number>>;

/** Runs one operation with one result. */
export type RunRaw = (
  operation: string,
  inputs: readonly RawTensor[],
  attributes: Attributes,
) => RawTensor;

/** Runs operations and hands the last result to tfjs, which owns it; all others are deleted. */
export function rawResult(tf: TensorFlow, compute: (run: RunRaw) => void): Tensor {
  const results = inScope(rawBinding(tf), compute);
  return tensorOfRaw(tf, results);
}

/** Runs operations and returns the last result, the caller's to delete; all others are deleted. */
export function rawTensor(tf: TensorFlow, compute: (run: RunRaw) => void): RawTensor {
  return inScope(rawBinding(tf), compute).id;
}

/** Brings numbers into the library; the result is the caller's to delete. */
export function createRaw(
  tf: TensorFlow,
  type: 'float32' | 'int32' | 'uint8',
  shape: readonly number[],
  data: ArrayBufferView,
): RawTensor {
  return rawBinding(tf).createTensor(shape, TYPES[type], data);
}

export function deleteRaw(tf: TensorFlow, tensors: readonly RawTensor[]): void {
  for (const tensor of tensors) rawBinding(tf).deleteTensor(tensor);
}

function inScope(binding: RawBinding, compute: (run: RunRaw) => void): RawResult {
  const made: RawResult[] = [];
  try {
    compute((operation, inputs, attributes) => {
      const [result] = binding.executeOp(operation, rawAttributes(binding, attributes), inputs, 1);
      made.push(result!);
      return result!.id;
    });
    return made.pop()!;
  } finally {
    for (const { id } of made) binding.deleteTensor(id);
  }
}

function rawAttributes(binding: RawBinding, attributes: Attributes): RawAttribute[] {
  return Object.entries(attributes).map(([name, value]) => {
    if (typeof value === 'string') return { name, type: binding.TF_ATTR_TYPE, value: TYPES[value] };
    const type = typeof value === 'boolean' ? binding.TF_ATTR_BOOL : binding.TF_ATTR_INT;
    return { name, type, value };
  });
}

export function cast(run: RunRaw, x: RawTensor, from: RawType, to: RawType): RawTensor {
  return run('Cast', [x], { SrcT: from, DstT: to, Truncate: false });
}

/** The same bytes as numbers of another format. */
export function bitcast(run: RunRaw, x: RawTensor, from: RawType, to: RawType): RawTensor {
  return run('Bitcast', [x], { T: from, type: to });
}

/** a [rows, in] · b [out, in]ᵀ. */
export function productWithRows(run: RunRaw, a: RawTensor, b: RawTensor, type: RawType): RawTensor {
  return run('MatMul', [a, b], { T: type, transpose_a: false, transpose_b: true });
}

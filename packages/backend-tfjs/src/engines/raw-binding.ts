/** The native library under the `tensorflow` engine, which knows more number formats than tfjs. */
import type { Tensor } from '@tensorflow/tfjs';
import type { TensorFlow } from './engine.ts';

/** A tensor in the library, by number. Nobody but its maker deletes it. */
export type RawTensor = number;

export interface RawAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: boolean | number;
}

export interface RawResult {
  readonly id: RawTensor;
  readonly shape: number[];
  readonly dtype: number;
}

/** The part of tfjs-node 4.22's binding we use (its tfjs_binding.d.ts). */
export interface RawBinding {
  readonly TF_Version: string;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_INT: number;
  isUsingGpuDevice(): boolean;
  createTensor(shape: readonly number[], dtype: number, data: ArrayBufferView): RawTensor;
  deleteTensor(tensor: RawTensor): void;
  getNumOfTensors(): number;
  executeOp(
    operation: string,
    attributes: readonly RawAttribute[],
    inputs: readonly RawTensor[],
    outputs: number,
  ): RawResult[];
}

/** The part of tfjs-node's backend class we use. */
interface NodeBackend {
  readonly binding: RawBinding;
  getInputTensorIds(tensors: readonly Tensor[]): RawTensor[];
  createOutputTensor(result: RawResult): Tensor;
}

export function rawBinding(tf: TensorFlow): RawBinding {
  return nodeBackend(tf).binding;
}

/** The library's number of a tfjs tensor, which stays tfjs's to dispose. */
export function rawTensorOf(tf: TensorFlow, tensor: Tensor): RawTensor {
  return nodeBackend(tf).getInputTensorIds([tensor])[0]!;
}

/** A float32 or int32 result as a tensor of tfjs, which owns it from now on. */
export function tensorOfRaw(tf: TensorFlow, result: RawResult): Tensor {
  return nodeBackend(tf).createOutputTensor(result);
}

function nodeBackend(tf: TensorFlow): NodeBackend {
  return tf.findBackend('tensorflow') as unknown as NodeBackend;
}

/** Writes a model in ONNX's vocabulary; field numbers are those of onnx.proto3. */

import type { Dim, FileRange, Shape } from '@lingbi/core';
import { kernelDomain, kernelVersion } from './kernels.ts';
import { Message } from './proto.ts';

/** TensorProto.DataType. */
export const elementTypes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  float16: 10,
  bfloat16: 16,
} as const;
export type ElementType = keyof typeof elementTypes;

/** An attribute: whole numbers and lists of them, text, or a number with a fraction. */
export type Attribute = number | string | readonly number[] | { readonly float: number };
export type Attributes = Readonly<Record<string, Attribute>>;

/** IR version 10 and opset 21 belong together (ONNX 1.16); ONNX Runtime reads them since 1.18. */
const IR_VERSION = 10;
const OPSET = 21;
const MICROSOFT_OPSET = 1;

/** Operators outside the ONNX standard (onnxruntime, docs/ContribOperators.md). */
const microsoftOperators = new Set([
  'DynamicQuantizeMatMul',
  'FusedMatMul',
  'Gelu',
  'GroupQueryAttention',
  'MatMulNBits',
  'MultiHeadAttention',
  'QuickGelu',
  'RotaryEmbedding',
  'SkipSimplifiedLayerNormalization',
]);

const ownOperators = new Set([
  'AttendToBranches',
  'AttendToHalfBranches',
  'AttendToHalfPast',
  'AttendToPast',
  'AttendToRounded',
  'AttendToRoundedBranches',
  'MultiplyBlocks',
  'MultiplyGated',
  'MultiplyGatedNormed',
  'MultiplyNormed',
]);

export class ModelWriter {
  readonly #graph = new Message();
  readonly #initializers = new Map<string, Message>();
  readonly #inputs = new Map<string, Message>();
  #usesKernels = false;

  input(name: string, type: ElementType, shape: Shape): string {
    this.#inputs.set(name, valueInfo(name, type, shape));
    return name;
  }

  get inputNames(): readonly string[] {
    return [...this.#inputs.keys()];
  }

  output(name: string, type: ElementType, shape: Shape): string {
    this.#graph.message(12, valueInfo(name, type, shape));
    return name;
  }

  node(
    operator: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Attributes = {},
  ): void {
    const node = new Message().text(4, operator);
    for (const input of inputs) node.text(1, input);
    for (const output of outputs) node.text(2, output);
    for (const [name, value] of Object.entries(attributes)) node.message(5, attribute(name, value));
    if (microsoftOperators.has(operator)) node.text(7, 'com.microsoft');
    if (ownOperators.has(operator)) {
      node.text(7, kernelDomain);
      this.#usesKernels = true;
    }
    this.#graph.message(1, node);
  }

  /** Whole numbers that the model carries; equal ones are written once. */
  int64s(...values: readonly number[]): string {
    const data = BigInt64Array.from(values, BigInt);
    return this.#constant(`int64[${values}]`, 'int64', [values.length], data);
  }

  /** A whole number that the model carries. */
  int64(value: number): string {
    return this.#constant(`int64(${value})`, 'int64', [], BigInt64Array.of(BigInt(value)));
  }

  /** Numbers that the model carries, each time anew. */
  floats(shape: readonly number[], data: Float32Array): string {
    const name = `floats.${this.#initializers.size}`;
    return this.#constant(name, 'float32', shape, data);
  }

  /** One byte that the model carries. */
  byte(value: number): string {
    return this.#constant(`byte(${value})`, 'uint8', [], Uint8Array.of(value));
  }

  /** One number that the model carries. */
  float(value: number): string {
    return this.#constant(`float(${value})`, 'float32', [], Float32Array.of(value));
  }

  /**
   * A parameter whose bytes stand outside the model: in a range of a file, or where the session gets
   * them by name. The file that is named then must exist, though it is never read.
   */
  parameter(
    name: string,
    type: ElementType,
    shape: readonly number[],
    place: string | FileRange,
  ): string {
    if (!this.#initializers.has(name)) {
      const tensor = tensorHead(name, type, shape);
      const range = typeof place === 'string' ? { location: place } : locationOf(place);
      for (const [key, value] of Object.entries(range)) {
        tensor.message(13, new Message().text(1, key).text(2, String(value)));
      }
      tensor.int(14, 1); // data_location: EXTERNAL
      this.#initializers.set(name, tensor);
    }
    return name;
  }

  /** Whether it has operators of ours. */
  get usesKernels(): boolean {
    return this.#usesKernels;
  }

  finish(name: string): Uint8Array {
    this.#graph.text(2, name);
    for (const tensor of this.#initializers.values()) this.#graph.message(5, tensor);
    for (const input of this.#inputs.values()) this.#graph.message(11, input);
    const model = new Message()
      .int(1, IR_VERSION)
      .text(2, 'lingbi')
      .message(7, this.#graph)
      .message(8, opset('', OPSET))
      .message(8, opset('com.microsoft', MICROSOFT_OPSET));
    if (this.#usesKernels) model.message(8, opset(kernelDomain, kernelVersion));
    return model.finish();
  }

  #constant(
    name: string,
    type: ElementType,
    shape: readonly number[],
    data: BigInt64Array | Float32Array | Uint8Array,
  ): string {
    if (!this.#initializers.has(name)) {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      this.#initializers.set(name, tensorHead(name, type, shape).bytes(9, bytes));
    }
    return name;
  }
}

function locationOf({ file, offset, length }: FileRange): Record<string, string | number> {
  return { location: file, offset, length };
}

function tensorHead(name: string, type: ElementType, shape: readonly number[]): Message {
  const tensor = new Message().int(2, elementTypes[type]).text(8, name);
  for (const length of shape) tensor.int(1, length);
  return tensor;
}

function valueInfo(name: string, type: ElementType, shape: Shape): Message {
  const dims = new Message();
  for (const dim of shape) dims.message(1, dimension(dim));
  const tensorType = new Message().int(1, elementTypes[type]).message(2, dims);
  return new Message().text(1, name).message(2, new Message().message(1, tensorType));
}

function dimension(dim: Dim): Message {
  return typeof dim === 'string' ? new Message().text(2, dim) : new Message().int(1, dim);
}

function opset(domain: string, version: number): Message {
  return new Message().text(1, domain).int(2, version);
}

/** The number after each value is its AttributeProto.AttributeType. */
function attribute(name: string, value: Attribute): Message {
  const out = new Message().text(1, name);
  if (typeof value === 'number') return out.int(3, value).int(20, 2);
  if (typeof value === 'string') return out.text(4, value).int(20, 3);
  if ('float' in value) return out.float(2, value.float).int(20, 1);
  for (const item of value) out.int(8, item);
  return out.int(20, 7);
}

import type { StoredTensor } from './checkpoint.ts';
import { countBytes } from './stored-dtype.ts';
import { toFloat32 } from './to-float32.ts';
import {
  describeExpression,
  type RegroupHeads,
  type WeightExpression,
} from './weight-expression.ts';
import type { StoredDType } from './weight-source.ts';

/** A tensor and its bytes, row-major. */
export interface ReadTensor extends StoredTensor {
  readonly bytes: Uint8Array;
}

/**
 * Computes an expression of tensors that were read. An expression that moves nothing returns the
 * bytes it was given.
 *
 * @throws WeightMapError when shapes do not fit together.
 */
export function evaluateExpression(
  expression: WeightExpression,
  tensors: ReadonlyMap<string, ReadTensor>,
): ReadTensor {
  const evaluate = (part: WeightExpression) => evaluateExpression(part, tensors);
  const result = describeExpression(expression, { describe: (name) => tensors.get(name)! });
  if ('from' in expression) return tensors.get(expression.from)!;
  if ('stackRows' in expression) return stackRows(result, expression.stackRows.map(evaluate));
  if ('stackColumns' in expression) {
    return stackColumns(result, expression.stackColumns.map(evaluate));
  }
  if ('regroupHeads' in expression) {
    return regroupHeads(evaluate(expression.regroupHeads), expression);
  }
  if ('reshape' in expression) return { ...result, bytes: evaluate(expression.reshape).bytes };
  throw expression satisfies never;
}

function stackRows(result: StoredTensor, parts: readonly ReadTensor[]): ReadTensor {
  const bytes = new Uint8Array(countBytes(result.dtype, result.shape));
  let end = 0;
  for (const part of parts) {
    const rows = bytesAs(part, result.dtype);
    bytes.set(rows, end);
    end += rows.length;
  }
  return { ...result, bytes };
}

function stackColumns(result: StoredTensor, parts: readonly ReadTensor[]): ReadTensor {
  const bytes = new Uint8Array(countBytes(result.dtype, result.shape));
  const rows = result.shape[0]!;
  const rowBytes = bytes.length / rows;
  let left = 0; // where in a row this part begins, in bytes
  for (const part of parts) {
    const source = bytesAs(part, result.dtype);
    const width = source.length / rows;
    for (let row = 0; row < rows; row++) {
      bytes.set(source.subarray(row * width, (row + 1) * width), row * rowBytes + left);
    }
    left += width;
  }
  return { ...result, bytes };
}

function regroupHeads(tensor: ReadTensor, heads: RegroupHeads): ReadTensor {
  const { kvHeads, queriesPerGroup } = heads;
  const groupHeads = queriesPerGroup + 2;
  const headBytes = tensor.bytes.length / (kvHeads * groupHeads);
  const bytes = new Uint8Array(tensor.bytes.length);
  let end = 0;
  const take = (group: number, from: number, to: number) => {
    const start = group * groupHeads;
    bytes.set(tensor.bytes.subarray((start + from) * headBytes, (start + to) * headBytes), end);
    end += (to - from) * headBytes;
  };
  const groups = Array.from({ length: kvHeads }, (_, group) => group);
  for (const group of groups) take(group, 0, queriesPerGroup);
  for (const group of groups) take(group, queriesPerGroup, queriesPerGroup + 1);
  for (const group of groups) take(group, queriesPerGroup + 1, queriesPerGroup + 2);
  return { dtype: tensor.dtype, shape: tensor.shape, bytes };
}

/** Formats differ only where the result is float32. */
function bytesAs({ bytes, dtype }: ReadTensor, wanted: StoredDType): Uint8Array {
  if (dtype === wanted) return bytes;
  const numbers = toFloat32(bytes, dtype);
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}

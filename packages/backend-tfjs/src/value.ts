import type { Tensor } from '@tensorflow/tfjs';
import type { Past } from './kernels/past.ts';
import type { RoundedPast } from './kernels/rounded-past.ts';
import type { Matrix, Table } from './weights/matrix.ts';

/** What the kernels hand to each other: tensors, and things that only one kernel can read. */
export type Value = Tensor | Matrix | Table | Past | RoundedPast;

export function isTensor(value: Value): value is Tensor {
  return 'dataId' in value;
}

export function isMatrix(value: Value): value is Matrix {
  return 'multiply' in value;
}

export function isTable(value: Value): value is Table {
  return 'pick' in value;
}

export function isPast(value: Value): value is Past | RoundedPast {
  return 'blocks' in value || 'roundedBlocks' in value;
}

import type { Tensor } from '@tensorflow/tfjs';
import type { Past } from './kernels/past.ts';
import type { Matrix } from './weights/matrix.ts';

/** What the kernels hand to each other: tensors, and two things only one kernel can read. */
export type Value = Tensor | Matrix | Past;

export function isTensor(value: Value): value is Tensor {
  return 'dataId' in value;
}

export function isMatrix(value: Value): value is Matrix {
  return 'multiply' in value;
}

export function isPast(value: Value): value is Past {
  return 'blocks' in value;
}

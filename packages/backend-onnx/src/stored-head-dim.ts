import type { CacheLayer } from '@lingbi/core';

/** GroupQueryAttention takes heads of multiples of 8 only; shorter ones get zeros at their end. */
const HEAD_DIM_STEP = 8;

/** Width of a head in the cache. */
export function storedHeadDim({ headDim }: Pick<CacheLayer, 'headDim'>): number {
  return Math.ceil(headDim / HEAD_DIM_STEP) * HEAD_DIM_STEP;
}

import type { CacheLayer, KvFormat } from '@lingbi/core';
import { storedHeadDim } from './stored-head-dim.ts';

/** Keys and values of one position in one layer. */
export function positionBytes(layer: CacheLayer, kv: KvFormat): number {
  const width = storedHeadDim(layer);
  const bytes = { float32: 4 * width, float16: 2 * width, int8: width + 4 }; // int8: and what its steps are worth
  return 2 * layer.kvHeads * bytes[kv];
}

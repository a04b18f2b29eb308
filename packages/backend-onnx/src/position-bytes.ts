import type { CacheLayer, KvFormat } from '@lingbi/core';
import { storedHeadDim } from './stored-head-dim.ts';

/** Keys and values of one position in one layer. */
export function positionBytes(layer: CacheLayer, kv: KvFormat): number {
  const width = storedHeadDim(layer);
  return 2 * layer.kvHeads * (kv === 'int8' ? width + 4 : width * 4);
}

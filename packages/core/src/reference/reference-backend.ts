/** Plain loops, no cleverness: slow, obviously right, and the oracle other backends are tested against. */
import type { Backend, HostTensor } from '../backend/backend.ts';
import { CacheMemoryError } from '../backend/errors.ts';
import { kernelBackend } from '../backend/kernel-backend.ts';
import type { CacheDemand, Kernels } from '../backend/kernel-table.ts';
import { attention, selfAttention } from './kernels/attention.ts';
import { activate, add, multiply, scale, swiglu } from './kernels/elementwise.ts';
import { conv2d, resizeGrid } from './kernels/images.ts';
import { concat, reshape, slice, transpose } from './kernels/layout.ts';
import { linear } from './kernels/linear.ts';
import { layerNorm, rmsNorm } from './kernels/norms.ts';
import { embed, lastToken, putRows, takeRows, topK } from './kernels/rows.ts';

const kernels = {
  activate,
  add,
  attention,
  concat,
  conv2d,
  embed,
  lastToken,
  layerNorm,
  linear,
  multiply,
  putRows,
  reshape,
  resizeGrid,
  rmsNorm,
  scale,
  selfAttention,
  slice,
  swiglu,
  takeRows,
  topK,
  transpose,
} as Kernels<HostTensor>; // shapes and dtypes were checked when the graph was traced

export const referenceBackend: Backend = kernelBackend<HostTensor>({
  name: 'reference',
  device: 'CPU, plain loops',
  kernels,
  kvFormats: ['float32', 'int8'],
  upload: (tensor) => tensor,
  download: async ({ dtype, shape, data }) => ({ dtype, shape, data: data.slice() }),
  inspect: ({ dtype, shape }) => ({ dtype, shape }),
  clone: ({ dtype, shape, data }) => ({ dtype, shape, data: data.slice() }),
  dispose: () => {},
  requireCacheMemory,
});

/** Its attention asks for the room of a whole slot at once, when it first appends to it. */
function requireCacheMemory({ layers, capacity, slots }: CacheDemand): void {
  const numbers = layers.map(({ kvHeads, headDim }) => kvHeads * capacity * headDim);
  try {
    new Float32Array(Math.max(0, ...numbers)); // costs nothing, for nobody touches it
  } catch (cause) {
    const because = `keys of one layer would be ${Math.max(...numbers)} numbers, which no array holds`;
    throw new CacheMemoryError(capacity, slots, because, { cause });
  }
}

import { liveBytes } from './live-bytes.ts';
import type { MemoryModel } from './memory-model.ts';

/** Everything as float32 in this process, values dying after their last use. */
export const plainMemory: MemoryModel = {
  place: 'process',
  runtime: 0,
  weight: ({ weight }) => {
    const kept = weight.shape.reduce((product, length) => product * length, 4);
    return { kept, mapped: 0, onUse: 0, passing: kept, compiling: 0 };
  },
  // In int8 as well: there they are rounded, but stay as wide.
  position: ({ kvHeads, headDim }) => 2 * kvHeads * headDim * 4,
  sharesPasts: false,
  work: liveBytes,
  compilesLate: () => false,
  keepsWork: false,
};

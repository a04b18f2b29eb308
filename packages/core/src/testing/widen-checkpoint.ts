import type { Checkpoint } from '../weights/checkpoint.ts';
import { toFloat32 } from '../weights/to-float32.ts';

/** The checkpoint in float32, so that merging rounds nothing. */
export function widenCheckpoint(narrow: Checkpoint): Checkpoint {
  return {
    names: narrow.names,
    files: narrow.files,
    has: (name) => narrow.has(name),
    describe: (name) => ({ dtype: 'float32', shape: narrow.describe(name).shape }),
    async read(name, signal) {
      const { buffer } = toFloat32(await narrow.read(name, signal), narrow.describe(name).dtype);
      return new Uint8Array(buffer as ArrayBuffer);
    },
    [Symbol.asyncDispose]: () => narrow[Symbol.asyncDispose](),
  };
}

import { CheckpointError } from '../errors.ts';
import type { RandomAccessFile } from '../random-access-file.ts';

/** A file in memory that remembers how much was asked of it. */
export interface MemoryFile extends RandomAccessFile {
  /** The length of every read, in bytes. */
  readonly reads: readonly number[];
}

export function memoryFile(bytes: Uint8Array, path = 'memory.bin'): MemoryFile {
  const reads: number[] = [];
  return {
    path,
    size: bytes.length,
    remedy: 'Download it again',
    reads,
    read: async (offset, length, signal) => {
      signal?.throwIfAborted();
      reads.push(length);
      if (offset + length <= bytes.length) return bytes.slice(offset, offset + length);
      throw new CheckpointError('truncated', `${offset + length} is beyond its end`, {
        file: path,
      });
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

import { type FileHandle, open } from 'node:fs/promises';
import type { WeightPart } from '@lingbi/core';
import type { PlacedWeight, Shard } from './plan-shards.ts';

/** Some bytes of one part of a weight; they follow those of the same part that came before. */
export interface WeightPiece {
  readonly part: WeightPart;
  readonly bytes: Uint8Array;
}

/** Makes the bytes of a weight, piece by piece, so that it need not be in memory as a whole. */
export type WeightMaker = (weight: PlacedWeight) => AsyncIterable<WeightPiece>;

/** Writes a shard weight by weight; the file is complete and on the disk when this resolves. */
export async function writeShard(
  path: string,
  { header, bytes, weights }: Shard,
  make: WeightMaker,
  onWeight: (weight: PlacedWeight) => void,
  signal?: AbortSignal,
): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.truncate(bytes); // what no weight writes are zeros
    await writeAt(file, header, 0);
    for (const weight of weights) {
      await writeWeight(file, weight, make(weight), signal);
      onWeight(weight);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

async function writeWeight(
  file: FileHandle,
  { name, parts }: PlacedWeight,
  pieces: AsyncIterable<WeightPiece>,
  signal?: AbortSignal,
): Promise<void> {
  const written = new Map<WeightPart, number>();
  for await (const { part, bytes } of pieces) {
    signal?.throwIfAborted();
    const before = written.get(part) ?? 0;
    const { offset, length } = parts.get(part)!;
    if (before + bytes.length > length)
      throw wrongLength(name, part, before + bytes.length, length);
    await writeAt(file, bytes, offset + before);
    written.set(part, before + bytes.length);
  }
  for (const [part, { length }] of parts) {
    const found = written.get(part) ?? 0;
    if (found !== length) throw wrongLength(name, part, found, length);
  }
}

function wrongLength(name: string, part: WeightPart, found: number, length: number): RangeError {
  return new RangeError(`${name} (${part}) takes ${length} bytes, but ${found} were made`);
}

/** One call may write less than it was given, above all when a disk runs full. */
async function writeAt(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, offset + done);
    done += bytesWritten;
  }
}

import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Checkpoint } from '@lingbi/core';
import { sha256Of } from './sha256-of.ts';
import type { FinishedFile } from './staging.ts';
import type { WriteConvertedOptions } from './write-converted.ts';

/** Bytes between two reports: some twenty a second. */
const STEP = 2 ** 25;

/** Size and hash of each file that holds tensors, by its name. */
export async function hashSources(
  { files }: Checkpoint,
  { signal, onProgress }: WriteConvertedOptions,
): Promise<Record<string, FinishedFile>> {
  const sizes = await Promise.all(files.map(async (path) => (await stat(path)).size));
  const totalBytes = sizes.reduce((sum, size) => sum + size, 0);
  const hashes: Record<string, FinishedFile> = {};
  let hashedBytes = 0;
  for (const [index, path] of files.entries()) {
    const file = basename(path);
    const onBytes = (bytes: number) => {
      const isStep = Math.floor(hashedBytes / STEP) < Math.floor((hashedBytes + bytes) / STEP);
      hashedBytes += bytes;
      if (!isStep && hashedBytes < totalBytes) return;
      onProgress?.({ type: 'bytes-hashed', file, hashedBytes, totalBytes });
    };
    const bytes = sizes[index]!;
    hashes[file] = { bytes, sha256: await sha256Of(path, { signal, onBytes }) };
    onProgress?.({ type: 'source-hashed', file, bytes });
  }
  return hashes;
}

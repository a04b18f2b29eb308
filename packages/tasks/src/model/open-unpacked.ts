import { type Checkpoint, openCheckpoint } from '@lingbi/core';
import { PackedModelError } from './errors.ts';

/**
 * Opens a checkpoint that backends can read.
 *
 * @throws CheckpointError; PackedModelError for one that has to be converted first.
 */
export async function openUnpacked(folder: string, signal?: AbortSignal): Promise<Checkpoint> {
  const checkpoint = await openCheckpoint(folder, signal && { signal });
  const holds = (suffix: string) => checkpoint.names.some((name) => name.endsWith(suffix));
  if (!holds('.qweight')) return checkpoint;
  await checkpoint[Symbol.asyncDispose]();
  // Only GPTQ says which group each input belongs to (spec QUANT §7).
  throw new PackedModelError(folder, holds('.g_idx') ? 'GPTQ' : 'AWQ');
}

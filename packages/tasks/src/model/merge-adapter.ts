import { copyFile, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { mergedCheckpoint, openAdapter, openCheckpoint, writeSafetensors } from '@lingbi/core';
import { ModelNotFoundError } from './errors.ts';

/** Weights and what lists them; all other files of a checkpoint go along. */
const weightFiles = /\.(safetensors|bin|pt|pth)$|\.index\.json$/;

/**
 * Writes a checkpoint with a LoRA adapter in it for good: W + factor · B · A where it acts, everything else
 * as it was, partial LoRA and the published task adapters among it. Matrices are merged one by one.
 *
 * @throws AdapterError, CheckpointError; ModelNotFoundError when `out` is there already.
 */
export async function mergeAdapter(
  model: string,
  adapter: string,
  out: string,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  if (await stat(out).catch(() => undefined)) {
    throw new ModelNotFoundError(
      out,
      'there is something of that name: give a folder that is not there',
    );
  }
  const partial = `${out}.partial`;
  await mkdir(partial, { recursive: true });
  try {
    await writeMerged(model, adapter, partial, signal);
    await rename(partial, out);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}

async function writeMerged(
  model: string,
  adapter: string,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const options = signal && { signal };
  await using base = await openCheckpoint(model, options);
  await using opened = await openAdapter(adapter, signal);
  const merged = mergedCheckpoint(base, opened);
  const tensors = merged.names.map((name) => ({
    ...{ name, ...merged.describe(name) },
    bytes: () => merged.read(name, signal),
  }));
  await writeSafetensors(join(folder, 'model.safetensors'), tensors, options);
  for (const entry of await readdir(model, { withFileTypes: true })) {
    if (!entry.isFile() || weightFiles.test(entry.name)) continue;
    await copyFile(join(model, entry.name), join(folder, entry.name));
  }
}

import { copyFile, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { mergedCheckpoint, openAdapter, openCheckpoint, writeSafetensors } from '@lingbi/core';
import { ModelNotFoundError } from './errors.ts';

/** Weights and what lists them; all other files of a checkpoint go along. */
const weightFiles = /\.(safetensors|bin|pt|pth)$|\.index\.json$/;

/** What became of an adapter. */
export interface AdapterReport {
  /** Names of tensors that it holds and that are not used: copies of partial LoRA, as PEFT leaves them. */
  readonly ignored: readonly string[];
}

/**
 * Writes a checkpoint with a LoRA adapter in it for good: W + factor · B · A where it acts, everything else
 * as it was, partial LoRA and the published task adapters among it. Matrices are merged one by one.
 * Separators of pictures that were trained with it are written in place of the model's.
 *
 * @throws AdapterError, CheckpointError; ModelNotFoundError when `out` is there already.
 */
export async function mergeAdapter(
  model: string,
  adapter: string,
  out: string,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<AdapterReport> {
  if (await stat(out).catch(() => undefined)) {
    throw new ModelNotFoundError(
      out,
      'there is something of that name: give a folder that is not there',
    );
  }
  const partial = `${out}.partial`;
  await mkdir(partial, { recursive: true });
  try {
    const report = await writeMerged(model, adapter, partial, signal);
    await rename(partial, out);
    return report;
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
): Promise<AdapterReport> {
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
  return { ignored: opened.ignored };
}

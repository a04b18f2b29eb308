import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { MANIFEST_FILE } from '@lingbi/core';
import { verifyConverted } from '@lingbi/hub';
import type { Run } from '../run-command.ts';
import { type Check, failed } from './check.ts';

const name = 'converted files';

/** Whether a converted checkpoint is as it was written; undefined for folders of other kinds. */
export async function checkConverted(
  folder: string,
  { report, signal }: Run,
): Promise<Check | undefined> {
  if (!existsSync(join(folder, MANIFEST_FILE))) return undefined;
  using bar = report.progress('reading files (MB)');
  const megabytes = (bytes: number) => Math.ceil(bytes / 1e6);
  try {
    const { files, bytes } = await verifyConverted(folder, {
      signal,
      onProgress: ({ verifiedBytes, totalBytes }) =>
        bar.update(megabytes(verifiedBytes), megabytes(totalBytes)),
    });
    const detail = `${files.length} files of ${megabytes(bytes)} MB are as they were written`;
    return { name, state: 'good', detail };
  } catch (error) {
    signal.throwIfAborted();
    return failed(name, 'bad', error);
  }
}

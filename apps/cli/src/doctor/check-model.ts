import { openCheckpoint, referenceBackend } from '@lingbi/core';
import { OfflineError } from '@lingbi/hub';
import {
  type DownloadOptions,
  describeCheckpoint,
  findFolder,
  readModelFiles,
} from '@lingbi/tasks';
import { listNames } from '../report/list-names.ts';
import type { Run } from '../run-command.ts';
import { type Check, failed } from './check.ts';
import { checkConverted } from './check-converted.ts';

/**
 * Looks at the checkpoint that `--model` of other commands would open, and downloads nothing. Of a
 * converted one every byte is read, of others the headers alone.
 */
export async function checkModel(
  model: string,
  run: Run,
  download: DownloadOptions['download'] = {},
): Promise<Check[]> {
  let folder: string;
  try {
    folder = await findFolder(model, { download: { ...download, offline: true } });
  } catch (error) {
    return [
      error instanceof OfflineError ? notPulled(model, error) : failed('checkpoint', 'bad', error),
    ];
  }
  const converted = await checkConverted(folder, run);
  return [await checkHeaders(folder), ...(converted ? [converted] : [])];
}

async function checkHeaders(folder: string): Promise<Check> {
  const name = 'checkpoint';
  try {
    await readModelFiles(folder);
    await describeCheckpoint(folder, { backend: referenceBackend });
    await using checkpoint = await openCheckpoint(folder);
    const detail = `${checkpoint.names.length} tensors in ${folder}`;
    return { name, state: 'good', detail };
  } catch (error) {
    return failed(name, 'bad', error);
  }
}

/** Not bad: whatever opens the model downloads it. */
function notPulled(model: string, { cacheFolder, missing }: OfflineError): Check {
  const cached =
    missing.length === 0
      ? `the cache ${cacheFolder} holds no copy of it`
      : `its copy in the cache ${cacheFolder} lacks ${listNames(missing)}`;
  const detail = `${model} is an id of the hub (there is no such folder), and ${cached}`;
  return { name: 'checkpoint', state: 'missing', detail, fix: `lingbi pull ${model}` };
}

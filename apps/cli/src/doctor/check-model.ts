import { openCheckpoint, referenceBackend } from '@lingbi/core';
import { OfflineError } from '@lingbi/hub';
import {
  type DownloadOptions,
  describeCheckpoint,
  findFolder,
  readModelFiles,
} from '@lingbi/tasks';
import { listNames } from '../report/list-names.ts';
import { type Check, failed } from './check.ts';

/**
 * Looks at the checkpoint that `--model` of other commands would open, and downloads nothing. Headers
 * are read, and no weight is.
 */
export async function checkModel(
  model: string,
  download: DownloadOptions['download'] = {},
): Promise<Check> {
  try {
    const folder = await findFolder(model, { download: { ...download, offline: true } });
    await readModelFiles(folder);
    await describeCheckpoint(folder, { backend: referenceBackend });
    await using checkpoint = await openCheckpoint(folder);
    return good(`${checkpoint.names.length} tensors in ${folder}`);
  } catch (error) {
    if (error instanceof OfflineError) return notPulled(model, error);
    return failed('checkpoint', 'bad', error);
  }
}

function good(detail: string): Check {
  return { name: 'checkpoint', state: 'good', detail };
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

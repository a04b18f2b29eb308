import { type Backend, describeModel, type KvFormat, type PlannedModel } from '@lingbi/core';
import { type DownloadOptions, findFolder } from '../model/find-folder.ts';
import { readConfigFile } from '../model/model-files.ts';
import { openUnpacked } from '../model/open-unpacked.ts';

export interface DescribeCheckpointOptions extends DownloadOptions {
  readonly backend: Backend;
  /** As for `openModel`. */
  readonly kv?: KvFormat;
  /** As for `openModel`. */
  readonly imageCacheBytes?: number;
}

/**
 * What a checkpoint would take on a backend, for `planMemory`: headers are read, and no weight is.
 *
 * @throws as `openModel` does; UnsupportedError when the backend does not say how it uses memory.
 */
export async function describeCheckpoint(
  model: string,
  { backend, kv, imageCacheBytes, ...download }: DescribeCheckpointOptions,
): Promise<PlannedModel> {
  const { signal } = download;
  const folder = await findFolder(model, download);
  const config = await readConfigFile(folder, signal);
  await using checkpoint = await openUnpacked(folder, signal);
  return await describeModel({
    ...{ backend, checkpoint, config },
    ...(kv && { kv }),
    ...(imageCacheBytes !== undefined && { imageCacheBytes }),
  });
}

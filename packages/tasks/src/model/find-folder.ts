import { stat } from 'node:fs/promises';
import type { PullEvent, PullOptions } from '@lingbi/hub';
import { ModelNotFoundError } from './errors.ts';

/** How a checkpoint comes from the hub, when the model is not a folder. */
export interface DownloadOptions {
  /** Source, cache folder, token, limits: everything `pull` of `@lingbi/hub` takes. */
  readonly download?: Omit<PullOptions, 'signal' | 'onProgress'>;
  /** Hears of every step of a download. */
  readonly onDownload?: (event: PullEvent) => void;
  readonly signal?: AbortSignal;
}

/**
 * The folder of a model: itself, or the cached snapshot of `owner/name[@revision]`, downloaded when
 * it is not there. A folder of that name wins.
 *
 * @throws ModelNotFoundError; HubError in one of its classes.
 */
export async function findFolder(model: string, options: DownloadOptions): Promise<string> {
  const found = await stat(model).catch(() => undefined);
  if (found?.isDirectory()) return model;
  if (!/^[\w.-]+\/[\w.-]+(@[\w./-]+)?$/.test(model)) {
    throw new ModelNotFoundError(
      model,
      'there is no such folder. Give the path of a folder with config.json, tokenizer.model and the weights, or an id of the hub such as internlm/internlm-xcomposer2d5-7b',
    );
  }
  const { pull } = await import('@lingbi/hub');
  const { download, onDownload: onProgress, signal } = options;
  const { folder } = await pull(model, {
    ...download,
    ...(onProgress && { onProgress }),
    ...(signal && { signal }),
  });
  return folder;
}

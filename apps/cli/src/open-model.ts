import type { CompileProgress } from '@lingbi/core';
import type { Model } from '@lingbi/tasks';
import { chooseBackend } from './backends.ts';
import type { ModelFlags } from './options.ts';
import { showDownload } from './report/show-download.ts';
import type { Run } from './run-command.ts';

/** The folder of a checkpoint, by its path or id; shows how it comes. */
export async function findShownFolder(model: string, { report, signal }: Run): Promise<string> {
  const { findFolder } = await import('@lingbi/tasks');
  using downloading = showDownload(report);
  return await findFolder(model, { signal, onDownload: downloading.update });
}

/** Opens the checkpoint that `addModelOptions` asked for, and shows how it comes and loads. */
export async function openShownModel(flags: ModelFlags, { report, signal }: Run): Promise<Model> {
  const { openModel } = await import('@lingbi/tasks');
  const backend = await chooseBackend(flags);
  using downloading = showDownload(report);
  using loading = report.progress('loading weights');
  const onProgress = ({ loadedWeights, totalWeights }: CompileProgress) => {
    report.event({ type: 'weights-loaded', loadedWeights, totalWeights });
    loading.update(loadedWeights, totalWeights);
  };
  const onDownload = downloading.update;
  const { kv } = flags;
  return await openModel(flags.model, {
    ...{ backend, signal, onProgress, onDownload },
    ...(kv && { kv }),
  });
}

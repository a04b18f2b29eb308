import { stat } from 'node:fs/promises';
import type { Model } from '@lingbi/tasks';
import { UsageError } from './exit-codes.ts';
import { listNames } from './report/list-names.ts';
import type { Run } from './run-command.ts';

/** Those that published checkpoints hold. */
const taskAdapters: readonly string[] = ['base', 'web', 'write'];

/** What an adapter of the user's is called while the command runs. */
const OWN = 'own';

/**
 * @throws UsageError for what is neither the name of a task's adapter nor a folder: ask before a model
 * is opened for nothing.
 */
export async function requireAdapter(nameOrFolder: string): Promise<void> {
  if (taskAdapters.includes(nameOrFolder)) return;
  const found = await stat(nameOrFolder).catch(() => undefined);
  if (found?.isDirectory()) return;
  throw new UsageError(
    `--adapter: ${nameOrFolder} is neither ${taskAdapters.join(', ')} nor a folder with adapter_config.json and the weights of a LoRA adapter`,
  );
}

/**
 * The name to choose an adapter by: a task's own, or one that is loaded from a folder now. Says what that
 * holds and is not used.
 */
export async function useAdapter(
  model: Model,
  nameOrFolder: string,
  { report, signal }: Pick<Run, 'report' | 'signal'>,
): Promise<string> {
  if (taskAdapters.includes(nameOrFolder)) return nameOrFolder;
  const { ignored } = await model.loadAdapter(OWN, nameOrFolder, signal);
  if (ignored.length > 0) {
    report.event({ type: 'tensors-ignored', names: ignored });
    report.warn(`${nameOrFolder} holds ${listNames(ignored)}: not used`);
  }
  return OWN;
}

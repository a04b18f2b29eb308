import { acquireLock } from '../cache/lock.ts';
import { OutputBusyError } from './errors.ts';

/**
 * Keeps others from writing to the same place until it is disposed.
 *
 * @throws OutputBusyError when somebody does already.
 */
export function lockOutput(out: string): Promise<AsyncDisposable> {
  const taken = new AbortController();
  return acquireLock(`${out}.partial.lock`, taken.signal, (holder) =>
    taken.abort(new OutputBusyError(out, holder)),
  );
}

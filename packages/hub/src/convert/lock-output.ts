import { acquireLock } from '../cache/lock.ts';
import { OutputBusyError } from './errors.ts';
import { atPlace } from './require-place.ts';

/**
 * Keeps others from writing to the same place until it is disposed.
 *
 * @throws OutputBusyError when somebody does already; OutputPlaceError when nothing can be written there.
 */
export function lockOutput(out: string): Promise<AsyncDisposable> {
  const taken = new AbortController();
  const refuse = (holder: string) => taken.abort(new OutputBusyError(out, holder));
  return atPlace(out, () => acquireLock(`${out}.partial.lock`, taken.signal, refuse));
}

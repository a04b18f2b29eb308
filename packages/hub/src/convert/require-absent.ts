import { lstat } from 'node:fs/promises';
import { OutputExistsError } from './errors.ts';

/** @throws OutputExistsError when there is anything at `out`. */
export async function requireAbsent(out: string): Promise<void> {
  if (await lstat(out).catch(() => undefined)) throw new OutputExistsError(out);
}

import { access, constants } from 'node:fs/promises';
import { dirname } from 'node:path';
import { OutputPlaceError } from './errors.ts';
import { requireAbsent } from './require-absent.ts';

/**
 * Asks, before gigabytes are downloaded or read, whether a folder can be made at `out`. Writes nothing,
 * so that some places show only later what they refuse.
 *
 * @param out resolved
 * @throws OutputExistsError, OutputPlaceError
 */
export async function requirePlace(out: string): Promise<void> {
  await requireAbsent(out);
  await atPlace(out, () => requireWritable(dirname(out)));
}

/** One that is not there can be made where the nearest above it may be written to. */
async function requireWritable(folder: string): Promise<void> {
  try {
    await access(`${folder}/.`, constants.W_OK); // the dot: a file is no folder
  } catch (error) {
    const parent = dirname(folder);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === folder) throw error;
    await requireWritable(parent);
  }
}

/**
 * Makes something for the folder `out`, which gets its name later: what the system refuses is said of
 * `out`.
 *
 * @throws OutputPlaceError
 */
export async function atPlace<T>(out: string, make: () => Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    throw isSystemError(error) ? new OutputPlaceError(out, error) : error;
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}

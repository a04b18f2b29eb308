import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Bytes that may still be written below a folder; it need not be there yet. */
export async function freeBytes(folder: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch (error) {
    const parent = dirname(folder);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === folder) throw error;
    return freeBytes(parent);
  }
}

/** Whether an error says that there is no room to write: on the disk, or for this user. */
export function isFull(error: unknown): boolean {
  const { code } = Object(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}

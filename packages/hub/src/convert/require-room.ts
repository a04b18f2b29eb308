import { dirname } from 'node:path';
import { freeBytes } from '../cache/free-space.ts';
import { DiskFullError } from './errors.ts';

/**
 * Asks, before anything is written, whether `bytes` more have room beside `out`.
 *
 * @throws DiskFullError naming `folder`, where they are going to be.
 */
export async function requireRoom(out: string, folder: string, bytes: number): Promise<void> {
  const free = await freeSpace(out);
  if (free < bytes) throw new DiskFullError(folder, bytes, free);
}

export function freeSpace(out: string): Promise<number> {
  return freeBytes(dirname(out));
}

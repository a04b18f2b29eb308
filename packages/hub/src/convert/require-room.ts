import { dirname } from 'node:path';
import { freeBytes } from '../cache/free-space.ts';
import { DiskFullError } from './errors.ts';
import type { Staging } from './staging.ts';

/**
 * Asks, before anything is written or removed, whether `bytes` more have room beside `out`.
 *
 * @throws DiskFullError
 */
export async function requireRoom(out: string, staging: Staging, bytes: number): Promise<void> {
  const room = await roomFor(out, staging);
  if (room < bytes) throw new DiskFullError(staging.folder, bytes, room);
}

/** What is free, and what an unfinished run takes that is written over. */
export async function roomFor(out: string, staging: Staging): Promise<number> {
  return (await freeBytes(dirname(out))) + (await staging.reusableBytes());
}

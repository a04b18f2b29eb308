import { dirname } from 'node:path';
import { freeBytes, isFull } from '../cache/free-space.ts';
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

/** What to throw for an error that came while so many bytes were to be written. */
export async function orDiskFull(
  error: unknown,
  out: string,
  staging: Staging,
  bytes: number,
): Promise<unknown> {
  if (!isFull(error)) return error;
  return new DiskFullError(staging.folder, bytes, await roomFor(out, staging));
}

/** What is free, and what an unfinished run takes that is written over. */
async function roomFor(out: string, staging: Staging): Promise<number> {
  return (await freeBytes(dirname(out))) + (await staging.reusableBytes());
}

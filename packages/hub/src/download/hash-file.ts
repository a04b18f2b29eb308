import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { RemoteFile } from '../hub/hub.ts';

/** Hashes a file on disk as the hub publishes it. Git puts a header in front of the content. */
export async function hashFile(
  path: string,
  { bytes, hash }: RemoteFile,
  signal: AbortSignal,
): Promise<string> {
  const digest = createHash(hash.algorithm === 'sha256' ? 'sha256' : 'sha1');
  if (hash.algorithm === 'git-sha1') digest.update(`blob ${bytes}\0`);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    signal.throwIfAborted();
    digest.update(chunk as Buffer);
  }
  return digest.digest('hex');
}

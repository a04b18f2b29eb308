import { PullLimitError, UnsafeFileNameError } from '../errors.ts';
import type { PullLimits } from '../limits.ts';
import type { PublishedHash, RemoteFile } from './hub.ts';

const digits = { sha256: 64, 'git-sha1': 40 } as const;

/**
 * An entry of a server's list. Hashes become names of files, sizes positions in them: both are checked.
 *
 * @throws UnsafeFileNameError when they are not what they should be.
 */
export function remoteFile(
  path: unknown,
  bytes: unknown,
  algorithm: PublishedHash['algorithm'],
  hash: unknown,
): RemoteFile {
  if (typeof path !== 'string') throw new UnsafeFileNameError(String(path), 'that is no name');
  if (!Number.isSafeInteger(bytes) || (bytes as number) < 0) {
    throw new UnsafeFileNameError(path, `its size is ${String(bytes)}`);
  }
  const hex = typeof hash === 'string' ? hash.toLowerCase() : '';
  if (hex.length !== digits[algorithm] || !isHex(hex)) {
    throw new UnsafeFileNameError(path, `its ${algorithm} is ${JSON.stringify(hash)}`);
  }
  return { path, bytes: bytes as number, hash: { algorithm, hex } };
}

export function isCommit(text: unknown): text is string {
  return typeof text === 'string' && text.length === 40 && isHex(text);
}

function isHex(text: string): boolean {
  return /^[0-9a-f]+$/.test(text);
}

/** @throws PullLimitError */
export function requireFewFiles(count: number, { files }: PullLimits): void {
  if (count > files) throw new PullLimitError('files', count, files);
}

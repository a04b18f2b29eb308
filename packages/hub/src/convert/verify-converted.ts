import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { MANIFEST_FILE } from '@lingbi/core';
import { requireKnown } from '../require-known.ts';
import { DamagedFileError } from './errors.ts';
import { sha256Of } from './sha256-of.ts';
import type { FinishedFile } from './staging.ts';

/** How far a check of hashes has come, in bytes; reported about once a mebibyte. */
export interface BytesVerified {
  readonly type: 'bytes-verified';
  readonly file: string;
  readonly verifiedBytes: number;
  readonly totalBytes: number;
}

export interface VerifyOptions {
  readonly onProgress?: (event: BytesVerified) => void;
  readonly signal?: AbortSignal;
}

export interface VerifiedCheckpoint {
  /** Names of the files that are as they were written. */
  readonly files: readonly string[];
  readonly bytes: number;
}

/**
 * Compares every file of a converted checkpoint with the hash that its `lingbi.json` keeps of it: reads
 * all bytes, and no others. Folders of earlier versions have hashes of their weights alone.
 *
 * ```ts no-run: reads gigabytes
 * const { files } = await verifyConverted('ixc-int4');
 * ```
 *
 * @throws DamagedFileError naming the first file that is missing or other than it was written.
 */
export async function verifyConverted(
  folder: string,
  options: VerifyOptions = {},
): Promise<VerifiedCheckpoint> {
  requireKnown('verifyConverted', options, ['onProgress', 'signal']);
  const files = await readHashes(folder);
  for (const [file, { bytes }] of files) await requireSize(folder, file, bytes);
  const totalBytes = [...files.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  let verifiedBytes = 0;
  for (const [file, { sha256 }] of files) {
    const onBytes = (bytes: number) => {
      verifiedBytes += bytes;
      options.onProgress?.({ type: 'bytes-verified', file, verifiedBytes, totalBytes });
    };
    const found = await sha256Of(join(folder, file), { signal: options.signal, onBytes });
    if (found !== sha256) throw new DamagedFileError(folder, file, 'has other bytes than written');
  }
  return { files: [...files.keys()], bytes: totalBytes };
}

/** Before anything is read: what is missing or cut off is the usual damage. */
async function requireSize(folder: string, file: string, bytes: number): Promise<void> {
  const found = await stat(join(folder, file)).catch(() => undefined);
  if (!found?.isFile()) throw new DamagedFileError(folder, file, 'is missing');
  if (found.size === bytes) return;
  throw new DamagedFileError(folder, file, `has ${found.size} bytes instead of ${bytes}`);
}

async function readHashes(folder: string): Promise<ReadonlyMap<string, FinishedFile>> {
  const text = await readFile(join(folder, MANIFEST_FILE), 'utf8').catch(() => undefined);
  if (text === undefined) throw new DamagedFileError(folder, MANIFEST_FILE, 'is missing');
  const files = new Map(Object.entries(filesOf(text) ?? {}));
  if (files.size > 0 && [...files].every(isEntry)) return files as Map<string, FinishedFile>;
  throw new DamagedFileError(folder, MANIFEST_FILE, 'holds no hashes of its files');
}

function filesOf(text: string): object | undefined {
  try {
    return Object(JSON.parse(text)).files;
  } catch {
    return undefined; // no JSON: cut off, or overwritten
  }
}

/** Names of other folders are nobody's to check. */
function isEntry([file, entry]: readonly [string, unknown]): boolean {
  const { bytes, sha256 } = Object(entry);
  const isName = file === basename(file) && !file.includes('\\') && file !== '..' && file !== '';
  return isName && Number.isSafeInteger(bytes) && typeof sha256 === 'string';
}

import { rename } from 'node:fs/promises';
import type { BlobPaths } from '../cache/layout.ts';
import { acquireLock } from '../cache/lock.ts';
import { sizeOf } from '../cache/size-of.ts';
import { HashMismatchError } from '../errors.ts';
import type { PullEvent } from '../events.ts';
import { type Fetching, fetchSpan, fetchWhole, RangesIgnored } from './fetch-span.ts';
import { hashFile } from './hash-file.ts';
import { openPartialFile, type PartialFile, removePartialFile } from './partial-file.ts';
import { runAll } from './run-all.ts';
import { cutSpans } from './spans.ts';

/** What the download of one file takes. */
export interface Download extends Omit<Fetching, 'partial' | 'onBytes'> {
  readonly paths: BlobPaths;
  /** Large files are fetched in parts of this size, several at a time. */
  readonly partBytes: number;
  readonly emit: (event: PullEvent) => void;
}

/**
 * Brings the content of a file into the cache: continues what an earlier run left, checks the hash,
 * and gives the file its name. Another process at the same file is waited for.
 *
 * Continuing needs no validator from the server: the published hash names the content, the journal
 * names the hash, and no file gets its name before its hash is right.
 */
export async function downloadFile(download: Download): Promise<void> {
  const { paths, file, retry, emit } = download;
  const isThere = async (): Promise<boolean> => (await sizeOf(paths.blob)) === file.bytes;
  if (await isThere()) return;
  await using _ = await acquireLock(paths.lock, retry.signal, (holder) =>
    emit({ type: 'file-awaited', path: file.path, holder }),
  );
  if (await isThere()) return;
  if (!(await fetchAndCheck(download))) {
    // The earlier run may have been cut off by a crash that lost what it believed to be written.
    emit({
      type: 'file-restarted',
      path: file.path,
      reason: 'what an earlier run left was damaged',
    });
    await fetchAndCheck(download);
  }
  emit({ type: 'file-finished', path: file.path, bytes: file.bytes });
}

/** False when the bytes were wrong and some were of an earlier run; they are gone then. */
async function fetchAndCheck(download: Download): Promise<boolean> {
  const { file, paths, retry, emit } = download;
  const resumedBytes = await fetchBytes(download);
  emit({ type: 'verification-started', path: file.path, bytes: file.bytes });
  const actual = await hashFile(paths.partial, file, retry.signal);
  if (actual === file.hash.hex) {
    await rename(paths.partial, paths.blob);
    await removePartialFile(paths);
    return true;
  }
  await removePartialFile(paths);
  if (resumedBytes > 0) return false;
  const { algorithm, hex } = file.hash;
  throw new HashMismatchError(file.path, algorithm, hex, actual, paths.partial);
}

/** Fetches what is missing. Returns how many bytes an earlier run had left. */
async function fetchBytes(download: Download): Promise<number> {
  const { file, paths, emit } = download;
  await using partial = await openPartialFile(paths, file);
  const { resumedBytes } = partial;
  emit({ type: 'file-started', path: file.path, bytes: file.bytes, resumedBytes });
  try {
    await fetchGaps(download, partial);
    await partial.sync();
    return resumedBytes;
  } catch (error) {
    if (!(error instanceof RangesIgnored)) throw error;
  }
  await fetchFromStart(download, partial);
  await partial.sync();
  return 0;
}

async function fetchGaps(download: Download, partial: PartialFile): Promise<void> {
  const { retry, partBytes } = download;
  const onBytes = byteCounter(download, partial.resumedBytes);
  await runAll(
    retry.signal,
    cutSpans(partial.gaps, partBytes).map(
      (span) => (signal) =>
        fetchSpan(span, { ...download, partial, onBytes, retry: { ...retry, signal } }),
    ),
  );
}

async function fetchFromStart(download: Download, partial: PartialFile): Promise<void> {
  const { file, emit } = download;
  let onBytes = byteCounter(download, 0);
  const onRestart = (reason: string): void => {
    onBytes = byteCounter(download, 0);
    emit({ type: 'file-restarted', path: file.path, reason });
  };
  await partial.restart();
  onRestart('the server sends files only whole');
  await fetchWhole({ ...download, partial, onBytes: (count) => onBytes(count) }, onRestart);
}

const EVENT_BYTES = 2 ** 20;

/** Reports bytes once a mebibyte, and the last ones. */
function byteCounter({ file, emit }: Download, alreadyBytes: number): (count: number) => void {
  let receivedBytes = alreadyBytes;
  let reported = alreadyBytes;
  return (count) => {
    receivedBytes += count;
    if (receivedBytes - reported < EVENT_BYTES && receivedBytes < file.bytes) return;
    reported = receivedBytes;
    emit({ type: 'bytes-received', path: file.path, bytes: file.bytes, receivedBytes });
  };
}

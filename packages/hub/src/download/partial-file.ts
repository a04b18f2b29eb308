import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { BlobPaths } from '../cache/layout.ts';
import { sizeOf } from '../cache/size-of.ts';
import type { RemoteFile } from '../hub/hub.ts';
import { journalHead, journalLine, readJournal } from './journal.ts';
import { gapsIn, lengthOf, type Span } from './spans.ts';

/** What is still missing of a file, by what an earlier run left on the disk. */
export async function savedGaps(paths: BlobPaths, file: RemoteFile): Promise<Span[]> {
  // The whole length is reserved at once: another length is another program's file.
  const isOurs = (await sizeOf(paths.partial)) === file.bytes;
  return gapsIn(file.bytes, isOurs ? await readJournal(paths.journal, file) : []);
}

/**
 * An unfinished file: bytes at their final positions, and a journal of which ones. A killed process
 * leaves both in a state that the next one can continue.
 */
export interface PartialFile extends AsyncDisposable {
  /** What was missing when the file was opened or restarted. */
  readonly gaps: readonly Span[];
  /** Bytes an earlier run had left. */
  readonly resumedBytes: number;
  write(position: number, bytes: Uint8Array): Promise<void>;
  /** Notes that these bytes are written, so that a later run need not fetch them. */
  save(span: Span): Promise<void>;
  /** Forgets everything. */
  restart(): Promise<void>;
  /** Waits until the disk has it all. */
  sync(): Promise<void>;
}

export async function openPartialFile(paths: BlobPaths, file: RemoteFile): Promise<PartialFile> {
  await mkdir(dirname(paths.partial), { recursive: true });
  let gaps = await savedGaps(paths, file);
  const resumedBytes = file.bytes - lengthOf(gaps);
  let { data, journal } = await openBoth(paths, file, resumedBytes === 0);
  const close = async (): Promise<void> => {
    await data.close();
    await journal.close();
  };
  return {
    get gaps() {
      return gaps;
    },
    resumedBytes,
    write: (position, bytes) => writeAll(data, bytes, position),
    save: async (span) => {
      await journal.appendFile(journalLine(span));
    },
    restart: async () => {
      await close();
      gaps = gapsIn(file.bytes, []);
      ({ data, journal } = await openBoth(paths, file, true));
    },
    sync: () => data.datasync(),
    [Symbol.asyncDispose]: close,
  };
}

async function openBoth(
  paths: BlobPaths,
  file: RemoteFile,
  isNew: boolean,
): Promise<{ data: FileHandle; journal: FileHandle }> {
  if (isNew) await removePartialFile(paths);
  const data = await open(paths.partial, isNew ? 'w+' : 'r+');
  await data.truncate(file.bytes);
  const journal = await open(paths.journal, 'a');
  // Also ends a line that a crash cut short; the reader skips the empty one.
  await journal.appendFile(isNew ? journalHead(file) : '\n');
  return { data, journal };
}

/** The journal goes first: without it the bytes count for nothing. */
export async function removePartialFile({ journal, partial }: BlobPaths): Promise<void> {
  await rm(journal, { force: true });
  await rm(partial, { force: true });
}

/** What a process left that was killed right after it had given a file its name. */
export async function removeLeftovers(paths: BlobPaths): Promise<void> {
  await removePartialFile(paths).catch(() => {}); // in a cache of somebody else they may stay
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

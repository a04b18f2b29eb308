import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConvertError, OutputExistsError } from './errors.ts';
import { requireAbsent } from './require-absent.ts';

/** A file that is finished, as it should be found again. */
export interface FinishedFile {
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * The folder in which a checkpoint is written before it gets its name. It keeps a journal of the
 * files that are finished, so that an interrupted conversion goes on after them.
 */
export interface Staging {
  readonly folder: string;
  /** Makes the folder, when it is not there; what is of no use in it is removed. */
  create(): Promise<void>;
  /** What files that are going to be removed or written over take on the disk. */
  reusableBytes(): Promise<number>;
  /** Undefined when the file is still to be written. */
  finished(file: string): FinishedFile | undefined;
  /** Notes that a file is on the disk as it should be. */
  record(file: string, finished: FinishedFile): Promise<void>;
  /**
   * Gives the folder its name.
   *
   * @throws OutputExistsError when something else took it; ConvertError when a file has vanished.
   */
  publish(): Promise<void>;
}

const JOURNAL = 'journal.json';
const NEW_JOURNAL = 'journal.json.new';

interface Journal {
  /** Of what is being written: with another, all is written anew. */
  readonly key: string;
  readonly files: Record<string, FinishedFile>;
}

/**
 * Opens `<out>.partial`: goes on with what is there when it has the same key, else begins anew.
 * Nothing is removed before `create()`.
 *
 * @throws OutputExistsError when somebody else made that folder.
 */
export async function openStaging(out: string, key: string): Promise<Staging> {
  const folder = `${out}.partial`;
  const known = await readJournal(join(folder, JOURNAL));
  if (!known) await requireOurs(folder);
  const isKnown = known?.key === key;
  const journal: Journal = isKnown ? known : { key, files: {} };
  await forgetChanged(folder, journal);
  return {
    folder,
    create: async () => {
      if (!isKnown) await rm(folder, { recursive: true, force: true });
      await mkdir(folder, { recursive: true });
      await replaceJournal(folder, journal);
    },
    reusableBytes: () => bytesBeside(folder, journal),
    finished: (file) => journal.files[file],
    record: async (file, finished) => {
      journal.files[file] = finished;
      await replaceJournal(folder, journal);
    },
    publish: async () => {
      await requireUnchanged(folder, journal);
      await rename(folder, out).catch(async (error) => {
        await requireAbsent(out); // says more
        throw error;
      });
      // Last: a folder that did not get its name is gone on with by its journal.
      await rm(join(out, JOURNAL), { force: true });
    },
  };
}

/** One without a journal is ours only when nothing was written into it. */
async function requireOurs(folder: string): Promise<void> {
  const names = await namesOf(folder);
  if (names.every((name) => name === NEW_JOURNAL)) return;
  throw new OutputExistsError(folder, 'it is no unfinished checkpoint of lingbi');
}

/** What files that are not finished take on the disk. */
async function bytesBeside(folder: string, { files }: Journal): Promise<number> {
  const others = (await namesOf(folder)).filter((name) => !(name in files));
  const sizes = others.map(async (name) => {
    const found = await stat(join(folder, name)).catch(() => undefined);
    return (found?.blocks ?? 0) * 512; // the unit of `blocks`, whatever the disk's are
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** Empty when there is no such folder. */
async function namesOf(folder: string): Promise<string[]> {
  return readdir(folder).catch((error) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}

/** Another process may have meddled. */
async function requireUnchanged(folder: string, journal: Journal): Promise<void> {
  const wanted = Object.keys(journal.files);
  await forgetChanged(folder, journal);
  const changed = wanted.find((file) => !journal.files[file]);
  if (changed === undefined) return;
  throw new ConvertError(
    `Cannot finish ${folder}: ${changed} is not as it was written. Run it again: it goes on with the files that are`,
  );
}

async function readJournal(path: string): Promise<Journal | undefined> {
  try {
    const { key, files } = JSON.parse(await readFile(path, 'utf8'));
    return typeof key === 'string' && typeof files === 'object' ? { key, files } : undefined;
  } catch {
    return undefined; // there is none, or it was cut off
  }
}

async function forgetChanged(folder: string, { files }: Journal): Promise<void> {
  for (const [file, { bytes }] of Object.entries(files)) {
    const found = await stat(join(folder, file)).catch(() => undefined);
    if (found?.size !== bytes) delete files[file];
  }
}

async function replaceJournal(folder: string, journal: Journal): Promise<void> {
  const path = join(folder, NEW_JOURNAL);
  await writeFile(path, JSON.stringify(journal), { flush: true });
  await rename(path, join(folder, JOURNAL));
}

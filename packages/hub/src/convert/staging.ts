import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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
  /** Makes the folder, when it is not there. */
  create(): Promise<void>;
  /** Undefined when the file is still to be written. */
  finished(file: string): FinishedFile | undefined;
  /** Notes that a file is on the disk as it should be. */
  record(file: string, finished: FinishedFile): Promise<void>;
  /** Gives the folder its name. @throws OutputExistsError when something else took it. */
  publish(): Promise<void>;
}

const JOURNAL = 'journal.json';

interface Journal {
  /** Of what is being written: with another, all is written anew. */
  readonly key: string;
  readonly files: Record<string, FinishedFile>;
}

/** Opens `<out>.partial`: goes on with what is there when it has the same key, else begins anew. */
export async function openStaging(out: string, key: string): Promise<Staging> {
  const folder = `${out}.partial`;
  const known = await readJournal(join(folder, JOURNAL));
  const journal: Journal = known?.key === key ? known : { key, files: {} };
  if (journal !== known) await rm(folder, { recursive: true, force: true });
  await forgetChanged(folder, journal);
  return {
    folder,
    create: async () => void (await mkdir(folder, { recursive: true })),
    finished: (file) => journal.files[file],
    record: async (file, finished) => {
      journal.files[file] = finished;
      await replaceJournal(folder, journal);
    },
    publish: async () => {
      await rename(folder, out).catch(async (error) => {
        await requireAbsent(out); // says more
        throw error;
      });
      // Last: a folder that did not get its name is gone on with by its journal.
      await rm(join(out, JOURNAL), { force: true });
    },
  };
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
  const path = join(folder, JOURNAL);
  await writeFile(`${path}.new`, JSON.stringify(journal), { flush: true });
  await rename(`${path}.new`, path);
}

import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import {
  type FileSelection,
  missingForCheckpoint,
  selectFiles,
  unmatchedPatterns,
} from '../checkpoint-files.ts';
import { isCommit } from '../hub/listing.ts';
import type { RepositoryCache } from './layout.ts';
import { sizeOf } from './size-of.ts';

/** What the cache holds of a revision. */
export interface CachedCopy {
  readonly folder: string;
  readonly revision: string;
  /** The wanted files that are there. */
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  /** What is wanted and is not there, as far as the cache can know. */
  readonly missing: readonly string[];
}

/** Looks a revision up without the network; undefined when nothing of it is cached. */
export async function findCachedCopy(
  cache: RepositoryCache,
  revision: string,
  selection: FileSelection,
): Promise<CachedCopy | undefined> {
  const commit = await commitOf(cache, revision);
  if (commit === undefined) return undefined;
  const folder = join(cache.snapshots, commit);
  const sizes = await filesBelow(folder);
  if (sizes.size === 0) return undefined;
  const paths = [...sizes.keys()];
  const chosen = selectFiles(paths, selection);
  return {
    folder,
    revision: commit,
    files: chosen.map((path) => ({ path, bytes: sizes.get(path)! })),
    missing: await missingOf(folder, paths, selection),
  };
}

async function commitOf(cache: RepositoryCache, revision: string): Promise<string | undefined> {
  if (isCommit(revision)) return revision;
  const text = await readFile(join(cache.refs, revision), 'utf8').catch(() => '');
  return isCommit(text.trim()) ? text.trim() : undefined;
}

/** The files of a snapshot and their sizes; links to contents that are gone do not count. */
async function filesBelow(folder: string): Promise<Map<string, number>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const sizes = new Map<string, number>();
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const bytes = entry.isDirectory() ? undefined : await sizeOf(path);
    if (bytes !== undefined) sizes.set(relative(folder, path).split(sep).join('/'), bytes);
  }
  return sizes;
}

async function missingOf(
  folder: string,
  paths: readonly string[],
  selection: FileSelection,
): Promise<string[]> {
  if (selection !== 'checkpoint') return unmatchedPatterns(paths, selection);
  return missingForCheckpoint(paths, (path) => readFile(join(folder, path), 'utf8'));
}

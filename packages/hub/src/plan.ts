import { join } from 'node:path';
import { freeBytes } from './cache/free-space.ts';
import { blobPaths, type RepositoryCache } from './cache/layout.ts';
import { requireDistinctPaths, requireSafePath } from './cache/safe-path.ts';
import { isCached } from './cache/snapshot.ts';
import { selectFiles, unmatchedPatterns } from './checkpoint-files.ts';
import { savedGaps } from './download/partial-file.ts';
import { lengthOf } from './download/spans.ts';
import { HubFileNotFoundError, PullLimitError } from './errors.ts';
import type { Listing, RemoteFile } from './hub/hub.ts';
import type { HubSource, Settings } from './options.ts';

/** What a pull would do. */
export interface PullPlan {
  readonly id: string;
  readonly source: HubSource;
  /** The commit that the asked revision means now. */
  readonly revision: string;
  /** Where the files will be. */
  readonly folder: string;
  readonly files: readonly PlannedFile[];
  /** Of all its files. */
  readonly bytes: number;
  /** What is still to be downloaded; equal contents count once. */
  readonly missingBytes: number;
  /** Room on the disk of the cache. */
  readonly freeBytes: number;
}

export interface PlannedFile {
  readonly path: string;
  readonly bytes: number;
  /** Whether it is in the cache, whole and checked. */
  readonly isCached: boolean;
  /** What is still to be fetched; less than `bytes` when an earlier pull was interrupted. */
  readonly missingBytes: number;
  readonly hash: RemoteFile['hash'];
}

/** @throws UnsafeFileNameError, PullLimitError, HubFileNotFoundError before anything is written. */
export async function planOf(
  listing: Listing,
  cache: RepositoryCache,
  settings: Settings,
): Promise<PullPlan> {
  const chosen = chooseFiles(listing, settings);
  const files = await Promise.all(chosen.map((file) => planFile(file, listing.commit, cache)));
  return {
    id: settings.id,
    source: settings.source,
    revision: listing.commit,
    folder: join(cache.snapshots, listing.commit),
    files,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    missingBytes: distinct(files).reduce((sum, file) => sum + file.missingBytes, 0),
    freeBytes: await freeBytes(settings.cacheFolder),
  };
}

/** One of each content. */
export function distinct<T extends RemoteFile>(files: readonly T[]): T[] {
  return [...new Map(files.map((file) => [file.hash.hex, file])).values()];
}

function chooseFiles(listing: Listing, { id, revision, files, limits }: Settings): RemoteFile[] {
  const paths = listing.files.map(({ path }) => path);
  const wanted = new Set(selectFiles(paths, files));
  requireFound(paths, wanted, { id, revision, files });
  for (const path of wanted) requireSafePath(path);
  const chosen = listing.files.filter(({ path }) => wanted.has(path));
  requireDistinctPaths(chosen.map(({ path }) => path));
  const bytes = chosen.reduce((sum, file) => sum + file.bytes, 0);
  if (bytes > limits.bytes) throw new PullLimitError('bytes', bytes, limits.bytes);
  return chosen;
}

function requireFound(
  paths: readonly string[],
  wanted: ReadonlySet<string>,
  { id, revision, files }: Pick<Settings, 'id' | 'revision' | 'files'>,
): void {
  for (const pattern of unmatchedPatterns(paths, files)) {
    throw new HubFileNotFoundError(id, revision, pattern, `no file is called ${pattern}`);
  }
  if (files !== 'checkpoint' || wanted.has('config.json')) return;
  const problem =
    'it has no config.json, so it is no checkpoint. Name the files you want with files';
  throw new HubFileNotFoundError(id, revision, 'config.json', problem);
}

async function planFile(
  file: RemoteFile,
  commit: string,
  cache: RepositoryCache,
): Promise<PlannedFile> {
  if (await isCached(cache, commit, file)) return { ...file, isCached: true, missingBytes: 0 };
  const missingBytes = lengthOf(await savedGaps(blobPaths(cache, file.hash), file));
  return { ...file, isCached: false, missingBytes };
}

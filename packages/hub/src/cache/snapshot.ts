import {
  constants,
  copyFile,
  link,
  lstat,
  readFile,
  readlink,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { RemoteFile } from '../hub/hub.ts';
import { blobPaths, type RepositoryCache } from './layout.ts';
import { replaceFile } from './replace-file.ts';
import { sizeOf } from './size-of.ts';

/**
 * Makes the folder of a commit: a link to its content for each file. It is made when all contents are
 * there, config.json last, so that a folder with a config.json is a whole one.
 */
export async function linkSnapshot(
  cache: RepositoryCache,
  commit: string,
  files: readonly RemoteFile[],
): Promise<void> {
  const isConfig = ({ path }: RemoteFile): boolean => path === 'config.json';
  const ordered = [...files].sort((a, b) => Number(isConfig(a)) - Number(isConfig(b)));
  for (const file of ordered) await linkFile(cache, join(cache.snapshots, commit, file.path), file);
}

async function linkFile(cache: RepositoryCache, pointer: string, file: RemoteFile): Promise<void> {
  if (await isCopyInPlace(pointer, file)) return;
  const { blob } = blobPaths(cache, file.hash);
  const target = await readlink(pointer).catch(() => undefined);
  if (target === relative(dirname(pointer), blob)) return;
  await replaceFile(pointer, (temporary) => makeLink(blob, temporary, dirname(pointer)));
}

/** Where links are not permitted, other libraries put the file itself into the snapshot. */
async function isCopyInPlace(pointer: string, file: RemoteFile): Promise<boolean> {
  const found = await lstat(pointer).catch(() => undefined);
  if (found?.isFile()) return found.size === file.bytes;
  return false;
}

// Windows without developer mode; network and FAT file systems.
const noLinkCodes = ['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'];

/** A relative link, so that the cache can be moved; where links are not permitted, a second name or a copy. */
async function makeLink(blob: string, at: string, folder: string): Promise<void> {
  try {
    await symlink(relative(folder, blob), at);
  } catch (error) {
    if (!noLinkCodes.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    await link(blob, at).catch(() => copyFile(blob, at, constants.COPYFILE_FICLONE));
  }
}

/** Notes which commit a branch or tag means. */
export async function writeRef(
  cache: RepositoryCache,
  revision: string,
  commit: string,
): Promise<void> {
  if (revision === commit) return;
  const path = join(cache.refs, revision);
  if ((await readFile(path, 'utf8').catch(() => '')) === commit) return; // a cache may be read-only
  await replaceFile(path, (temporary) => writeFile(temporary, commit));
}

/** Whether the content of a file is in the cache. Its size is compared, its hash was when it came. */
export async function isCached(
  cache: RepositoryCache,
  commit: string,
  file: RemoteFile,
): Promise<boolean> {
  if ((await sizeOf(blobPaths(cache, file.hash).blob)) === file.bytes) return true;
  return isCopyInPlace(join(cache.snapshots, commit, file.path), file);
}

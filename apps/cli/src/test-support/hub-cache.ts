import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Any commit: nothing asks the hub about it. */
const commit = '0123456789abcdef0123456789abcdef01234567';

/** Makes a folder look as if it had been pulled: links in the layout of the Hugging Face libraries. */
export async function cacheFolderAs(cache: string, id: string, folder: string): Promise<void> {
  const repository = join(cache, `models--${id.replace('/', '--')}`);
  const snapshot = join(repository, 'snapshots', commit);
  await mkdir(snapshot, { recursive: true });
  await mkdir(join(repository, 'refs'));
  await writeFile(join(repository, 'refs', 'main'), commit);
  for (const name of await readdir(folder)) await symlink(join(folder, name), join(snapshot, name));
}

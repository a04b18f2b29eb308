import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Case files of the given files and folders, sorted within each folder. */
export async function findCases(paths: readonly string[]): Promise<string[]> {
  const found = await Promise.all(paths.map(casesAt));
  return found.flat();
}

async function casesAt(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const names = await readdir(path);
  return names
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => join(path, name));
}

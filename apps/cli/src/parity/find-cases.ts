import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Case files of the given files and folders, sorted within each folder. */
export async function findCases(paths: readonly string[]): Promise<string[]> {
  const found = await Promise.all(paths.map(casesAt));
  return found.flat();
}

async function casesAt(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new Error(`There is no case or folder of cases at ${path}`);
  if (!found.isDirectory()) return [path];
  const names = await readdir(path);
  return names
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => join(path, name));
}

/** For tests of what a crash leaves behind. */
import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Runs a program on the sources; resolves with the signal that killed it, or its exit code. */
export async function runProgram(code: string): Promise<string | number | null> {
  const flags = ['--import', 'tsx', '--conditions=lingbi:source', '--input-type=module'];
  const child = spawn(process.execPath, [...flags, '--eval', code], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (data) => {
    said += data;
  });
  return new Promise((resolve, reject) => {
    child.once('close', (status, signal) => {
      if (status) reject(new Error(said));
      else resolve(signal ?? status);
    });
  });
}

/** All files below a folder with their bytes, by path. */
export async function filesIn(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const read = files.map(async (entry) => {
    const path = join(entry.parentPath, entry.name);
    return [path.slice(folder.length), (await readFile(path)).toString('base64')] as const;
  });
  return Object.fromEntries((await Promise.all(read)).sort(([a], [b]) => (a < b ? -1 : 1)));
}

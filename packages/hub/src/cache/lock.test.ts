import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { acquireLock } from './lock.ts';

const never = new AbortController().signal;

describe('a lock', () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lingbi-lock-'));
    path = join(folder, 'locks', 'a.lock');
  });
  afterEach(() => rm(folder, { recursive: true }));

  test('is held by one at a time, and whoever waits learns for whom', async () => {
    let holders = 0;
    const waited: string[] = [];
    const hold = async (): Promise<void> => {
      await using _ = await acquireLock(path, never, (holder) => waited.push(holder));
      expect(++holders).toBe(1);
      await new Promise((done) => setTimeout(done, 10));
      holders--;
    };
    await Promise.all([hold(), hold(), hold()]);
    expect(waited).toHaveLength(2);
    expect(waited[0]).toContain(`process ${process.pid} on`);
    expect(await readdir(join(folder, 'locks'))).toEqual([]);
  });

  test('of a process that is gone is taken over at once, by one of those who wait', async () => {
    const first = await acquireLock(path, never, () => {});
    const holder = JSON.parse(await readFile(path, 'utf8')) as object;
    const gone = spawnSync(process.execPath, ['-e', '']).pid;
    await writeFile(path, JSON.stringify({ ...holder, pid: gone, key: 'other' }));
    await first[Symbol.asyncDispose](); // no longer its own: leaves it there
    let holders = 0;
    const hold = async (): Promise<void> => {
      await using _ = await acquireLock(path, never, () => {});
      expect(++holders).toBe(1);
      await new Promise((done) => setTimeout(done, 5));
      holders--;
    };
    await Promise.all([hold(), hold()]);
  });

  test('of another machine is taken over when it showed no life for a minute', async () => {
    await using _ = await acquireLock(join(folder, 'locks', 'b.lock'), never, () => {});
    await writeFile(path, JSON.stringify({ host: 'elsewhere', pid: 1, key: 'x' }));
    const abort = new AbortController();
    const waiting = acquireLock(path, abort.signal, () => abort.abort(new Error('held')));
    await expect(waiting).rejects.toThrow('held');
    const past = new Date(Date.now() - 61_000);
    await utimes(path, past, past);
    const taken = await acquireLock(path, never, () => {});
    await taken[Symbol.asyncDispose]();
  });
});

import { randomUUID } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { mkdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { pause } from '../http/retries.ts';
import { isFull } from './free-space.ts';

/** How often a holder shows that it lives. */
const HEARTBEAT_SECONDS = 10;
/** Six heartbeats missed: the holder is gone, or its machine sleeps. */
const STALE_SECONDS = 60;
const POLL_SECONDS = 0.2;

interface Holder {
  /** Host and process namespace: a process id means something only there. */
  readonly host: string;
  readonly pid: number;
  readonly key: string;
}

/**
 * Waits until this lock is ours; dispose it to give it back. What a killed process left is taken over
 * at once, and what another machine left after a minute.
 *
 * The lock saves work, it does not carry correctness: two holders by misfortune write the same bytes
 * to the same places, and what they wrote is hashed before it gets its name.
 */
export async function acquireLock(
  path: string,
  signal: AbortSignal,
  onWait: (holder: string) => void,
): Promise<AsyncDisposable> {
  const own: Holder = { host: hostIdentity(), pid: process.pid, key: randomUUID() };
  await mkdir(dirname(path), { recursive: true });
  let hasWaited = false;
  while (!(await create(path, own))) {
    signal.throwIfAborted();
    const holder = await readHolder(path);
    if (await isStale(path, holder)) await removeStale(path, holder);
    else {
      if (!hasWaited) onWait(holder ? `process ${holder.pid} on ${holder.host}` : 'a process');
      hasWaited = true;
      await pause(POLL_SECONDS, signal);
    }
  }
  return hold(path, own);
}

function hold(path: string, own: Holder): AsyncDisposable {
  const beat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {}); // taken over: see above
  }, HEARTBEAT_SECONDS * 1000);
  beat.unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(beat);
      if ((await readHolder(path))?.key === own.key) await rm(path, { force: true });
    },
  };
}

async function create(path: string, own: Holder): Promise<boolean> {
  try {
    await writeFile(path, JSON.stringify(own), { flag: 'wx' });
    return true;
  } catch (error) {
    // Windows says EPERM while a file of that name is being removed.
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || (code === 'EPERM' && process.platform === 'win32')) return false;
    // A full disk has room for the name, but not for who holds it: nobody does.
    if (isFull(error)) await rm(path, { force: true });
    throw error;
  }
}

/** Who holds the lock; undefined while it is being written, or when it is no longer there. */
async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

async function isStale(path: string, holder: Holder | undefined): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return false; // given back meanwhile
  if (Date.now() - found.mtimeMs > STALE_SECONDS * 1000) return true;
  return holder !== undefined && holder.host === hostIdentity() && !isAlive(holder.pid);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // somebody else's process
  }
}

/** Removes a lock under a lock of its own, so that nobody removes the one that came after it. */
async function removeStale(path: string, stale: Holder | undefined): Promise<void> {
  const removal = `${path}.removal`;
  const found = await stat(removal).catch(() => undefined);
  if (found && Date.now() - found.mtimeMs > STALE_SECONDS * 1000)
    await rm(removal, { force: true });
  const isOurs = await writeFile(removal, '', { flag: 'wx' }).then(
    () => true,
    () => false,
  );
  if (!isOurs) return;
  try {
    if ((await readHolder(path))?.key === stale?.key) await rm(path, { force: true });
  } finally {
    await rm(removal, { force: true });
  }
}

/** Containers may share a host's name and the cache, but not the numbers of their processes. */
function hostIdentity(): string {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname(); // only Linux has namespaces
  }
}

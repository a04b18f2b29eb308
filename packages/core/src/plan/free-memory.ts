import { readFileSync } from 'node:fs';
import { freemem, totalmem } from 'node:os';

/** Bytes that this process can still get: of the machine, or of the container it runs in. */
export function freeMemory(): number {
  const limit = process.constrainedMemory();
  if (!(limit > 0) || limit >= totalmem()) return freemem();
  return Math.min(freemem(), limit - usedInContainer());
}

/**
 * What processes of the container hold. Pages of files count in its limit as well, but are given back
 * when they are needed: a container that has just read a checkpoint is not full.
 */
function usedInContainer(): number {
  const found = [
    fieldOf('/sys/fs/cgroup/memory.stat', 'anon'), // version 2
    fieldOf('/sys/fs/cgroup/memory/memory.stat', 'total_rss'), // version 1
  ];
  return found.find((bytes) => bytes !== undefined) ?? process.memoryUsage.rss();
}

function fieldOf(file: string, field: string): number | undefined {
  try {
    const line = new RegExp(`^${field} (\\d+)$`, 'm').exec(readFileSync(file, 'utf8'));
    return line ? Number(line[1]) : undefined;
  } catch {
    return undefined; // no container, or one that does not tell
  }
}

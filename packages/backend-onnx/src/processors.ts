import { readFileSync } from 'node:fs';

/** What Linux says of each processor, or undefined on other systems. */
export function processorsOfLinux(): readonly string[] | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    return readFileSync('/proc/cpuinfo', 'utf8').trim().split('\n\n');
  } catch {
    return undefined;
  }
}

import koffi from 'koffi';
import type { Handle } from './api.ts';

/**
 * Gives the pages that lie wholly within an array back to the system; nothing else moves. What the array
 * holds there is lost. Whether that can be done here.
 */
export type DiscardMemory = (numbers: ArrayBufferView<ArrayBuffer>) => boolean;

/** Undefined where the system offers nothing of the kind that we know (Windows). */
export function createDiscard(): DiscardMemory | undefined {
  const found = systems[process.platform];
  if (!found) return undefined;
  const library = koffi.load(found.library);
  const madvise = library.func('int madvise(void *, size_t, int)');
  // The end of a range is rounded up to a whole page: with another page size others' numbers would go.
  const pageBytes = BigInt(library.func('int getpagesize()')() as number);
  return (numbers) => {
    const address: Handle = koffi.address(numbers);
    const start = ((address + pageBytes - 1n) / pageBytes) * pageBytes;
    const end = ((address + BigInt(numbers.byteLength)) / pageBytes) * pageBytes;
    return end <= start || madvise(start, end - start, found.advice) === 0;
  };
}

/**
 * Arrays are private memory without a file. MADV_DONTNEED frees its pages at once on Linux, and they read
 * as zeros; on macOS that is MADV_FREE, which may leave them as they are until somebody needs memory.
 */
const systems: Partial<Record<NodeJS.Platform, { library: string; advice: number }>> = {
  linux: { library: 'libc.so.6', advice: 4 },
  darwin: { library: '/usr/lib/libSystem.B.dylib', advice: 5 },
};

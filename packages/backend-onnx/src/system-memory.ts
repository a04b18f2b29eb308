import koffi, { type LibraryHandle } from 'koffi';
import type { Handle } from './api.ts';

/** Calls of the system's C library that take memory, give it back and say what it is for (sys/mman.h). */
export interface SystemMemory {
  /** Pages of a file, or of none where that is −1, wherever there is room if no place is given. Undefined where there is none. */
  map(length: number, use: MappingUse, descriptor: number, at?: MappingPlace): Handle | undefined;
  unmap(address: Handle, length: number): void;
  /** Whether the system takes the advice. */
  advise(address: Handle, length: number, advice: number): boolean;
  protect(address: Handle, length: number, protection: number): void;
  /** On another thread. */
  copy(to: Handle, from: Handle, length: number): Promise<void>;
  /**
   * Puts pages in the place of others, whole ones, so that nobody who reads there finds none. Whether it was
   * done: for too many mappings Linux refuses before it takes any away, for want of memory maybe after that, and then
   * there are none. Other systems have no such call.
   */
  readonly replace?: (address: Handle, by: Handle, length: number) => boolean;
}

export interface MappingUse {
  /** PROT_READ is 1, PROT_WRITE 2. */
  readonly protection: number;
  /** MAP_PRIVATE is 2. */
  readonly flags: number;
}

/** Where pages come, whatever was there before. */
export interface MappingPlace {
  readonly address: Handle;
  /** Of the first byte in the file. */
  readonly offset: number;
}

/** MAP_FIXED, on Linux and macOS. */
const FIXED = 0x10;
const FAILED = 0xffff_ffff_ffff_ffffn;
/** MREMAP_MAYMOVE and MREMAP_FIXED of Linux. */
const TO_ADDRESS = 3;

const libraries: Partial<Record<NodeJS.Platform, string>> = {
  linux: 'libc.so.6',
  darwin: '/usr/lib/libSystem.B.dylib',
};

/** Undefined where there is nothing of the kind that we know (Windows). */
export function openSystemMemory(): SystemMemory | undefined {
  const name = libraries[process.platform];
  if (name === undefined) return undefined;
  const library = koffi.load(name);
  const mmap = library.func('void *mmap(void *, size_t, int, int, int, int64_t)');
  const munmap = library.func('int munmap(void *, size_t)');
  const madvise = library.func('int madvise(void *, size_t, int)');
  const mprotect = library.func('int mprotect(void *, size_t, int)');
  const memcpy = library.func('void *memcpy(void *, void *, size_t)');
  return {
    map(length, { protection, flags }, descriptor, at) {
      const how = at ? flags | FIXED : flags;
      const [wanted, offset] = [at?.address ?? null, at?.offset ?? 0];
      const address = mmap(wanted, length, protection, how, descriptor, offset) as Handle | null;
      return !address || address === FAILED ? undefined : address;
    },
    unmap: (address, length) => void munmap(address, length),
    advise: (address, length, advice) => madvise(address, length, advice) === 0,
    protect: (address, length, protection) => void mprotect(address, length, protection),
    copy: (to, from, length) =>
      new Promise((resolve, reject) => {
        memcpy.async(to, from, length, (error: unknown) => (error ? reject(error) : resolve()));
      }),
    ...(process.platform === 'linux' && { replace: replaceOf(library) }),
  };
}

function replaceOf(library: LibraryHandle): NonNullable<SystemMemory['replace']> {
  const mremap = library.func('void *mremap(void *, size_t, size_t, int, void *)');
  return (address, by, length) => mremap(by, length, length, TO_ADDRESS, address) === address;
}

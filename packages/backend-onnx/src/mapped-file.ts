import { closeSync, fstatSync, openSync } from 'node:fs';
import koffi from 'koffi';
import type { Handle } from './api.ts';

/** A file as memory: the system reads pages when they are touched and forgets them at will. */
export interface MappedFile extends Disposable {
  readonly address: Handle;
  readonly length: number;
}

export interface FileMapper {
  map(file: string): MappedFile;
  /** Gives back the pages that lie wholly within a range; touching them again reads them again. */
  forget(file: MappedFile, offset: number, length: number): void;
}

/** PROT_READ and MAP_PRIVATE are 1 and 2 on Linux and macOS (sys/mman.h). */
const READ = 1;
const PRIVATE = 2;
const FAILED = 0xffff_ffff_ffff_ffffn;
/** MADV_DONTNEED (sys/mman.h), and the largest page of the systems below. */
const DONT_NEED = 4;
const PAGE_BYTES = 1 << 14;

const libraries: Partial<Record<NodeJS.Platform, string>> = {
  linux: 'libc.so.6',
  darwin: '/usr/lib/libSystem.B.dylib',
};

/** Undefined where files cannot be mapped this way (Windows): weights are read instead. */
export function createFileMapper(): FileMapper | undefined {
  const name = libraries[process.platform];
  if (name === undefined) return undefined;
  const library = koffi.load(name);
  const mmap = library.func('void *mmap(void *, size_t, int, int, int, int64_t)');
  const munmap = library.func('int munmap(void *, size_t)');
  const madvise = library.func('int madvise(void *, size_t, int)');
  return {
    forget({ address }, offset, length) {
      const start = Math.ceil(offset / PAGE_BYTES) * PAGE_BYTES;
      const end = Math.floor((offset + length) / PAGE_BYTES) * PAGE_BYTES;
      if (end > start) madvise(address + BigInt(start), end - start, DONT_NEED);
    },
    map(file) {
      const descriptor = openSync(file, 'r');
      try {
        const length = fstatSync(descriptor).size;
        const address = mmap(null, length, READ, PRIVATE, descriptor, 0) as Handle | null;
        if (!address || address === FAILED) throw new Error(`Cannot map ${file} into memory`);
        return { address, length, [Symbol.dispose]: () => void munmap(address, length) };
      } finally {
        closeSync(descriptor); // The mapping outlives the descriptor.
      }
    },
  };
}

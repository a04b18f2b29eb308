import { closeSync, fstatSync, openSync } from 'node:fs';
import type { Handle } from './api.ts';
import { openSystemMemory } from './system-memory.ts';

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
const READ_ONLY = { protection: 1, flags: 2 };
/** MADV_DONTNEED (sys/mman.h), and the largest page of the systems below. */
const DONT_NEED = 4;
export const FORGOTTEN_PAGE: number = 1 << 14;

/** Undefined where files cannot be mapped this way (Windows): weights are read instead. */
export function createFileMapper(): FileMapper | undefined {
  const memory = openSystemMemory();
  if (!memory) return undefined;
  return {
    forget({ address }, offset, length) {
      const start = Math.ceil(offset / FORGOTTEN_PAGE) * FORGOTTEN_PAGE;
      const end = Math.floor((offset + length) / FORGOTTEN_PAGE) * FORGOTTEN_PAGE;
      if (end > start) memory.advise(address + BigInt(start), end - start, DONT_NEED);
    },
    map(file) {
      const descriptor = openSync(file, 'r');
      try {
        const length = fstatSync(descriptor).size;
        const address = memory.map(length, READ_ONLY, descriptor);
        if (address === undefined) throw new Error(`Cannot map ${file} into memory`);
        return { address, length, [Symbol.dispose]: () => memory.unmap(address, length) };
      } finally {
        closeSync(descriptor); // The mapping outlives the descriptor.
      }
    },
  };
}

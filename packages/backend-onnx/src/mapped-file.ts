import { closeSync, fstatSync, openSync } from 'node:fs';
import type { Handle } from './api.ts';
import { openSystemMemory, type SystemMemory } from './system-memory.ts';

/** A file as memory: the system reads pages when they are touched and forgets them at will. */
export interface MappedFile extends Disposable {
  readonly address: Handle;
  readonly length: number;
  /** Maps whole pages again where they stood, whatever is there now. Whether they are there. */
  restore(offset: number, length: number): boolean;
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
export function createFileMapper(
  memory: SystemMemory | undefined = openSystemMemory(),
): FileMapper | undefined {
  if (!memory) return undefined;
  return {
    forget({ address }, offset, length) {
      const start = Math.ceil(offset / FORGOTTEN_PAGE) * FORGOTTEN_PAGE;
      const end = Math.floor((offset + length) / FORGOTTEN_PAGE) * FORGOTTEN_PAGE;
      if (end > start) memory.advise(address + BigInt(start), end - start, DONT_NEED);
    },
    map(file) {
      // Stays open: another file may have its name when pages are to be restored.
      const descriptor = openSync(file, 'r');
      try {
        return mapFile(file, descriptor, memory);
      } catch (error) {
        closeSync(descriptor);
        throw error;
      }
    },
  };
}

function mapFile(file: string, descriptor: number, memory: SystemMemory): MappedFile {
  const length = fstatSync(descriptor).size;
  const address = memory.map(length, READ_ONLY, descriptor);
  if (address === undefined) throw new Error(`Cannot map ${file} into memory`);
  let isWhole = true;
  return {
    ...{ address, length },
    restore(offset, length) {
      const at = { address: address + BigInt(offset), offset };
      const isRestored = memory.map(length, READ_ONLY, descriptor, at) === at.address;
      isWhole &&= isRestored;
      return isRestored;
    },
    [Symbol.dispose]() {
      closeSync(descriptor);
      if (isWhole) memory.unmap(address, length); // else others may have pages there by now
    },
  };
}

import koffi, { type LibraryHandle } from 'koffi';
import type { Handle } from '../api.ts';
import { enlargeCallStacks } from '../call-stacks.ts';
import type { ElementArray } from '../values.ts';

/** PROT_NONE, PROT_READ | PROT_WRITE, and MAP_PRIVATE | MAP_ANONYMOUS on Linux (sys/mman.h). */
const [NOTHING, ANYTHING, OWN] = [0, 3, 0x22];
const FAILED = 0xffff_ffff_ffff_ffffn;
const PAGE_BYTES = 4096;

/** Numbers right before a page that nobody may touch: who reads on past their end ends the process. Linux only. */
export class GuardedMemory implements Disposable {
  readonly #library: LibraryHandle;
  readonly #mapped: { readonly address: Handle; readonly length: number }[] = [];

  constructor() {
    enlargeCallStacks();
    this.#library = koffi.load('libc.so.6');
  }

  /** A copy of their bytes, which stays until this is disposed. */
  place(numbers: ElementArray): Uint8Array {
    const { buffer, byteOffset, byteLength } = numbers;
    const end = Math.ceil(byteLength / PAGE_BYTES) * PAGE_BYTES;
    const bytes = koffi.view(this.#map(end) + BigInt(end - byteLength), byteLength);
    const placed = new Uint8Array(bytes);
    placed.set(new Uint8Array(buffer, byteOffset, byteLength));
    return placed;
  }

  /** So many bytes, and the page behind them. */
  #map(length: number): Handle {
    const mmap = this.#library.func('void *mmap(void *, size_t, int, int, int, int64_t)');
    const mprotect = this.#library.func('int mprotect(void *, size_t, int)');
    const address = mmap(null, length + PAGE_BYTES, NOTHING, OWN, -1, 0) as Handle | null;
    if (!address || address === FAILED) throw new Error(`Cannot map ${length} bytes`);
    this.#mapped.push({ address, length: length + PAGE_BYTES });
    if (mprotect(address, length, ANYTHING) !== 0) throw new Error(`Cannot open ${length} bytes`);
    return address;
  }

  [Symbol.dispose](): void {
    const munmap = this.#library.func('int munmap(void *, size_t)');
    for (const { address, length } of this.#mapped) munmap(address, length);
  }
}

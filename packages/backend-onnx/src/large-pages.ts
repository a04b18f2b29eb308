import koffi from 'koffi';
import type { Handle } from './api.ts';
import { openSystemMemory, type SystemMemory } from './system-memory.ts';

/** Bytes that are asked of the system together, and those of a large page. */
const BLOCK = 2 ** 28;
const PAGE = 2 ** 21;
/** Where numbers of any width begin. */
const ALIGNMENT = 64;

/** PROT_READ and PROT_WRITE, MAP_PRIVATE and MAP_ANONYMOUS, MADV_HUGEPAGE on Linux (sys/mman.h). */
const OWN = { protection: 3, flags: 0x22 };
const HUGE_PAGES = 14;

interface Block {
  /** Where the mapping begins, and the next bytes go. */
  readonly start: Handle;
  readonly length: number;
  next: Handle;
}

/** Memory in pages of 2 MB, where Linux has them. It is given back as a whole. */
export class LargePages implements Disposable {
  #memory: SystemMemory | undefined;
  readonly #blocks: Block[] = [];

  constructor(readonly blockBytes: number = BLOCK) {}

  /** Copies bytes there. Undefined where there is no such memory: another system, or no room. */
  put(bytes: Uint8Array): Handle | undefined {
    if (process.platform !== 'linux' || bytes.length === 0) return undefined;
    const block = this.#roomFor(bytes.length);
    if (!block) return undefined;
    const address = block.next;
    new Uint8Array(koffi.view(address, bytes.length)).set(bytes);
    block.next += BigInt(Math.ceil(bytes.length / ALIGNMENT) * ALIGNMENT);
    return address;
  }

  [Symbol.dispose](): void {
    for (const { start, length } of this.#blocks.splice(0)) this.#memory!.unmap(start, length);
  }

  #roomFor(bytes: number): Block | undefined {
    const last = this.#blocks.at(-1);
    if (last && last.next + BigInt(bytes) <= last.start + BigInt(last.length)) return last;
    const length = Math.max(this.blockBytes, Math.ceil(bytes / PAGE) * PAGE) + PAGE;
    this.#memory ??= openSystemMemory()!;
    const start = this.#memory.map(length, OWN, -1);
    if (start === undefined) return undefined;
    this.#memory.advise(start, length, HUGE_PAGES); // Where it is refused, pages are as large as ever.
    const page = BigInt(PAGE);
    const block = { start, length, next: ((start + page - 1n) / page) * page };
    this.#blocks.push(block);
    return block;
  }
}

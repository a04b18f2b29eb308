import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { freeMemory } from '@lingbi/core';
import type { Handle } from './api.ts';
import { LostWeightsError } from './errors.ts';
import { FORGOTTEN_PAGE, type MappedFile } from './mapped-file.ts';
import type { SystemMemory } from './system-memory.ts';

/** Bytes of a large page, and of those that files are mapped in where kernels of ours run (x64). */
const LARGE_PAGE = 2 ** 21;
const SMALL_PAGE = 2 ** 12;
/** Bytes that are moved in one step: so much is there twice meanwhile. */
const STEP = 2 ** 22;

/** PROT_READ and PROT_WRITE, MAP_PRIVATE and MAP_ANONYMOUS, MADV_HUGEPAGE on Linux (sys/mman.h). */
const OWN = { protection: 3, flags: 0x22 };
const READ_ONLY = 1;
const HUGE_PAGES = 14;

/** Bytes of a mapped file. */
interface FileRange {
  readonly file: MappedFile;
  readonly start: number;
  readonly end: number;
}

/** Does a step when it is its turn among others. */
export type InTurn = <T>(step: () => Promise<T>) => Promise<T>;

/**
 * Moves what mapped files hold into memory of this process, in pages of 2 MB, step by step. All stays at its
 * address, and whoever reads meanwhile finds the same bytes (docs/decisions/086).
 */
export class LargePages {
  readonly #known = new Set<Handle>();
  readonly #added: FileRange[] = [];
  /** What has not moved. */
  readonly #steps: FileRange[] = [];
  /** Bytes of all steps there were: so many stay free for others. */
  #total = 0;
  /** Linux has refused once, and would again. */
  #isRefused = false;
  #lost: LostWeightsError | undefined;
  readonly #stop = new AbortController();
  #moving: Promise<void> | undefined;
  #movingInTurns: Promise<void> | undefined;

  constructor(
    readonly memory: SystemMemory | undefined,
    readonly free: () => number = freeMemory,
    readonly given: () => boolean = givesHugePages,
  ) {}

  /** What comes again, after an extension was taken out, moves once. */
  add(file: MappedFile, start: number, length: number): void {
    const address = file.address + BigInt(start);
    if (this.#isRefused || this.#known.has(address)) return;
    this.#known.add(address);
    this.#added.push({ file, start, end: start + length });
  }

  /** Whether something came that nobody has tried to move. */
  get hasMore(): boolean {
    return this.#added.length > 0;
  }

  /** @throws LostWeightsError when a move took away what it could not bring back. */
  requireWhole(): void {
    if (this.#lost) throw this.#lost;
  }

  /**
   * Ends when all that was added has moved, there is no room for the rest, or Linux or somebody stopped it. What had no
   * room moves when it is called again. Belongs into a turn, where steps that wait for theirs do not go on.
   */
  async move(signal?: AbortSignal): Promise<void> {
    this.#moving = this.#moveAll(signal);
    await this.#moving;
  }

  /**
   * The same a while later, each step in its turn, unless that goes on already. Must not be waited for in a turn.
   * Never throws.
   */
  async moveInTurns(inTurn: InTurn, after = 0): Promise<void> {
    if (!this.hasMore && this.#steps.length === 0) return;
    this.#movingInTurns ??= this.#moveAllInTurns(inTurn, after)
      .catch(() => {})
      .finally(() => {
        this.#movingInTurns = undefined;
      });
    await this.#movingInTurns;
  }

  /** What was moved stays so. Memory must not be unmapped before this has ended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled([this.#moving, this.#movingInTurns]);
  }

  async #moveAll(signal: AbortSignal | undefined): Promise<void> {
    for (let goesOn = true; goesOn && !signal?.aborted; ) goesOn = await this.#moveNext();
  }

  async #moveAllInTurns(inTurn: InTurn, after: number): Promise<void> {
    // Timers that keep no process alive: who has nothing else to do may end before all has moved.
    const rest = (milliseconds: number) =>
      sleep(milliseconds, undefined, { ref: false, signal: this.#stop.signal });
    await rest(after);
    while (await inTurn(() => this.#moveNext())) await rest(0);
  }

  /** Whether there was a step, and it was done. */
  async #moveNext(): Promise<boolean> {
    this.#planSteps();
    const [step] = this.#steps;
    if (!step || this.#stop.signal.aborted || !this.#hasRoom()) return false;
    let hasMoved = false;
    try {
      hasMoved = await this.#moveStep(step);
    } finally {
      if (hasMoved) this.#steps.shift();
      else this.#giveUp();
    }
    return hasMoved;
  }

  #planSteps(): void {
    if (!this.hasMore) return;
    const steps = join(this.#added.splice(0)).flatMap(stepsOf);
    this.#steps.push(...steps);
    this.#total += lengthOfAll(steps);
    if (!this.given()) this.#giveUp();
  }

  /** As much again stays free after the last step, whoever else took memory meanwhile. */
  #hasRoom(): boolean {
    return this.free() >= lengthOfAll(this.#steps) + this.#total;
  }

  #giveUp(): void {
    this.#isRefused = true;
    this.#steps.length = 0;
    this.#added.length = 0;
  }

  async #moveStep(step: FileRange): Promise<boolean> {
    const { memory } = this;
    const place = placeOf(step);
    const length = lengthOf(step);
    const copy = memory?.replace && this.#take(place, length);
    if (!memory?.replace || copy === undefined) return false;
    let hasMoved = false;
    try {
      await memory.copy(copy, place, length);
      memory.protect(copy, length, READ_ONLY);
      hasMoved = memory.replace(place, copy, length);
      if (!hasMoved) this.#restore(step);
      return hasMoved;
    } finally {
      if (!hasMoved) memory.unmap(copy, length);
    }
  }

  /** Linux may have taken the file's pages away before it failed to put others there. */
  #restore(step: FileRange): void {
    if (step.file.restore(step.start, lengthOf(step))) return;
    this.#lost = new LostWeightsError(lengthOf(step));
    throw this.#lost;
  }

  /** Memory in which large pages begin where they begin at an address. */
  #take(at: Handle, length: number): Handle | undefined {
    const memory = this.memory!;
    const block = memory.map(length + LARGE_PAGE, OWN, -1);
    if (block === undefined) return undefined;
    const before = Number(modulo(at - block, BigInt(LARGE_PAGE)));
    const taken = block + BigInt(before);
    if (before > 0) memory.unmap(block, before);
    memory.unmap(taken + BigInt(length), LARGE_PAGE - before);
    if (memory.advise(taken, length, HUGE_PAGES)) return taken;
    memory.unmap(taken, length);
    return undefined;
  }
}

/** Whether Linux gives pages of 2 MB to who asks for them. */
function givesHugePages(): boolean {
  try {
    const setting = readFileSync('/sys/kernel/mm/transparent_hugepage/enabled', 'utf8');
    return !setting.includes('[never]');
  } catch {
    return false; // another system, or a Linux without them
  }
}

/**
 * What lies near together in a file as one, whole pages; what is less than a large page stays. Between neighbours there
 * is no room for a page that the file's mapping forgets (`FileMapper.forget`): moved, it would become zeros.
 */
function join(ranges: readonly FileRange[]): readonly FileRange[] {
  const joined: FileRange[] = [];
  const inOrder = (one: FileRange, other: FileRange) =>
    Number(one.file.address - other.file.address) || one.start - other.start;
  for (const { file, start, end } of ranges.toSorted(inOrder)) {
    const last = joined.at(-1);
    const isNear = last?.file === file && start < last.end + FORGOTTEN_PAGE;
    if (isNear) joined.splice(-1, 1, { file, start: last.start, end: Math.max(last.end, end) });
    else joined.push({ file, start, end });
  }
  return joined
    .map(({ file, start, end }) => ({
      file,
      start: Math.floor(start / SMALL_PAGE) * SMALL_PAGE,
      end: Math.ceil(end / SMALL_PAGE) * SMALL_PAGE,
    }))
    .filter((range) => lengthOf(range) >= LARGE_PAGE);
}

/** They end where large pages do. */
function stepsOf({ file, start, end }: FileRange): readonly FileRange[] {
  const steps: FileRange[] = [];
  const offset = Number(modulo(file.address, BigInt(STEP)));
  for (let at = start; at < end; at = steps.at(-1)!.end) {
    const next = (Math.floor((at + offset) / STEP) + 1) * STEP - offset;
    steps.push({ file, start: at, end: Math.min(next, end) });
  }
  return steps;
}

function placeOf({ file, start }: FileRange): Handle {
  return file.address + BigInt(start);
}

function lengthOf({ start, end }: FileRange): number {
  return end - start;
}

function lengthOfAll(ranges: readonly FileRange[]): number {
  return ranges.reduce((sum, each) => sum + lengthOf(each), 0);
}

/** Never negative, as a remainder is. */
function modulo(value: bigint, divisor: bigint): bigint {
  return ((value % divisor) + divisor) % divisor;
}

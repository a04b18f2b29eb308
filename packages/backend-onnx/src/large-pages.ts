import { setTimeout as sleep } from 'node:timers/promises';
import type { Handle } from './api.ts';
import type { SystemMemory } from './system-memory.ts';

/** Bytes of a large page, and of what is moved in one step: so much is there twice meanwhile. */
const LARGE_PAGE = 2 ** 21;
const STEP = 2 ** 22;
/** Moved ranges begin and end at pages of any system; ranges less far apart than a forgotten page is long are one. */
const SMALL_PAGE = 2 ** 16;
const GAP = 2 ** 14;
/** Who opened a model waits for its first answer, and nothing competes with that for so long, in milliseconds. */
const UNDISTURBED = 1000;
/** For others there stays as much memory as is taken. */
const ROOM = 2;

/** PROT_READ and PROT_WRITE, MAP_PRIVATE and MAP_ANONYMOUS, MADV_HUGEPAGE on Linux (sys/mman.h). */
const OWN = { protection: 3, flags: 0x22 };
const HUGE_PAGES = 14;

interface Range {
  readonly start: Handle;
  readonly end: Handle;
}

export interface MoveOptions {
  /** Begins a second later, and takes its turn among others for each step. Default: moves at once. */
  readonly inTurn?: <T>(step: () => Promise<T>) => Promise<T>;
  readonly signal?: AbortSignal;
}

/**
 * Moves what mapped files hold into memory of this process, in pages of 2 MB, step by step. All stays at its
 * address, and whoever reads meanwhile finds the same bytes (docs/decisions/086).
 */
export class LargePages {
  #added: Range[] = [];
  readonly #stop = new AbortController();
  #moving: Promise<void> = Promise.resolve();

  constructor(
    readonly memory: SystemMemory | undefined,
    readonly available: () => number = () => process.availableMemory(),
  ) {}

  add(start: Handle, length: number): void {
    this.#added.push({ start, end: start + BigInt(length) });
  }

  /** Ends when all that was added has moved, there is no room for the rest, or somebody stopped it. Never throws. */
  move(options: MoveOptions = {}): Promise<void> {
    this.#moving = this.#moving.then(() => this.#moveAdded(options)).catch(() => {});
    return this.#moving;
  }

  /** What was moved stays so. Memory must not be unmapped before this has ended. */
  stop(): Promise<void> {
    this.#stop.abort();
    return this.#moving;
  }

  async #moveAdded({ inTurn, signal }: MoveOptions): Promise<void> {
    if (this.#added.length === 0) return;
    const stopped = AbortSignal.any([this.#stop.signal, ...(signal ? [signal] : [])]);
    // Timers that keep no process alive: who has nothing else to do may end before all has moved.
    const rest = (milliseconds: number) =>
      inTurn && sleep(milliseconds, undefined, { ref: false, signal: stopped });
    await rest(UNDISTURBED);
    const steps = join(this.#added.splice(0)).flatMap(stepsOf);
    let left = sum(steps.map(lengthOf));
    for (const step of steps) {
      if (stopped.aborted || this.available() < ROOM * left) return;
      const move = () => this.#moveStep(step);
      if (!(await (inTurn ? inTurn(move) : move()))) return;
      left -= lengthOf(step);
      await rest(0);
    }
  }

  async #moveStep({ start, end }: Range): Promise<boolean> {
    const { memory } = this;
    if (!memory?.replace) return false;
    const length = Number(end - start);
    const taken = length + LARGE_PAGE;
    const block = memory.map(taken, OWN, -1);
    if (block === undefined) return false;
    memory.advise(block, taken, HUGE_PAGES); // Where it is refused, pages are as large as ever.
    // Where a large page begins there, one begins here.
    const before = modulo(start - block, BigInt(LARGE_PAGE));
    const copy = block + before;
    await memory.copy(copy, start, length);
    const moved = memory.replace(start, copy, length);
    if (!moved) memory.unmap(copy, length);
    if (before > 0n) memory.unmap(block, Number(before));
    memory.unmap(copy + BigInt(length), LARGE_PAGE - Number(before));
    return moved;
  }
}

/** What lies near together as one; what is less than a large page stays. */
function join(ranges: readonly Range[]): readonly Range[] {
  const joined: Range[] = [];
  for (const range of ranges.toSorted((one, other) => Number(one.start - other.start))) {
    const last = joined.at(-1);
    const isNear = last && range.start < last.end + BigInt(GAP);
    if (isNear) joined.splice(-1, 1, { start: last.start, end: larger(last.end, range.end) });
    else joined.push(range);
  }
  const page = BigInt(SMALL_PAGE);
  return joined
    .map(({ start, end }) => ({
      start: start + modulo(-start, page),
      end: end - modulo(end, page),
    }))
    .filter((range) => lengthOf(range) >= LARGE_PAGE);
}

function stepsOf({ start, end }: Range): readonly Range[] {
  const steps: Range[] = [];
  for (let at = start; at < end; at = steps.at(-1)!.end) {
    const next = (at / BigInt(STEP) + 1n) * BigInt(STEP);
    steps.push({ start: at, end: next < end ? next : end });
  }
  return steps;
}

function lengthOf({ start, end }: Range): number {
  return Number(end - start);
}

function larger(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}

/** Never negative, as a remainder is. */
function modulo(value: bigint, divisor: bigint): bigint {
  return ((value % divisor) + divisor) % divisor;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, each) => all + each, 0);
}

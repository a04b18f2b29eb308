import type { KvCache } from '../backend/backend.ts';
import type { RotaryAngles } from '../models/internlm2/rotary.ts';
import { assignSlots } from './assign-slots.ts';
import type { DecoderRuntime } from './decoder-runtime.ts';

export interface BranchStep {
  /** Which of the branches so far goes on. */
  readonly parent: number;
  readonly token: number;
}

/**
 * Continuations of one sequence side by side; how they share what they have in common is decided
 * here, beam search does not know it. At first there is one branch, 0: the sequence as it is.
 * Disposing it without `settle` brings back that sequence.
 */
export interface Branches extends Disposable {
  /** How many there can be at once. */
  readonly limit: number;
  /**
   * Replaces the branches by new ones, each an old one and a token more, in one run of the model.
   * Returns the logits after each new branch, [vocabularySize] each. When it rejects, nothing more
   * can be grown.
   */
  grow(
    steps: readonly BranchStep[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<readonly Float32Array[]>;
  /** Ends the branches: the sequence goes on with as much of these tokens as some branch has read. */
  settle(tokens: readonly number[]): Promise<void>;
}

export interface BranchingSequence {
  readonly runtime: DecoderRuntime;
  readonly cache: KvCache;
  /** Where the sequence is. */
  readonly slot: number;
  /** Where its branches may be. */
  readonly branchSlots: readonly number[];
  /** @throws when the sequence is no more. */
  readonly requireOpen: () => void;
  /** Learns what was kept, and the rotary base that the key of each token has. */
  readonly onSettled: (tokens: readonly number[], thetas: readonly number[]) => void;
}

/** What a branch has read since the sequence split, and where its keys and values are. */
interface Branch {
  readonly slot: number;
  readonly tokens: readonly number[];
}

/** Each branch is a slot that continues the sequence's, which stays as it is. */
export function openBranches(sequence: BranchingSequence): Branches {
  return new SlotBranches(sequence);
}

class SlotBranches implements Branches {
  readonly #start: number;
  /** Rotary bases of the tokens so far: branches are of one length. */
  readonly #thetas: number[] = [];
  #branches: readonly Branch[];
  /** Steps that are going on: until they have ended, their slots are nobody else's. */
  #running = 0;
  #disposed = false;
  #settled = false;

  constructor(readonly sequence: BranchingSequence) {
    const { cache, slot } = sequence;
    this.#start = cache.length(slot);
    this.#branches = [{ slot, tokens: [] }];
  }

  get limit(): number {
    return this.sequence.branchSlots.length;
  }

  grow(
    steps: readonly BranchStep[],
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<readonly Float32Array[]> {
    return this.#run(() => this.#grow(steps, signal));
  }

  async #grow(
    steps: readonly BranchStep[],
    signal: AbortSignal | undefined,
  ): Promise<readonly Float32Array[]> {
    this.sequence.requireOpen();
    const parents = steps.map(({ parent }) => this.#branches[parent]!);
    const { cache, branchSlots } = this.sequence;
    const { slots, extensions } = assignSlots(parents, branchSlots);
    for (const [from, to] of extensions) await cache.extend(from, to);
    this.#branches = parents.map(({ tokens }, i) => ({ slot: slots[i]!, tokens }));
    const logits = await this.#read(steps, signal);
    this.#branches = this.#branches.map(({ slot, tokens }, i) => {
      return { slot, tokens: [...tokens, steps[i]!.token] };
    });
    return logits;
  }

  async settle(tokens: readonly number[]): Promise<void> {
    if (!this.#settled) await this.#run(() => this.#settle(tokens));
  }

  async #settle(tokens: readonly number[]): Promise<void> {
    this.sequence.requireOpen();
    const { cache, slot: own } = this.sequence;
    const read = this.#branches.map((branch) => sharedTokens(branch.tokens, tokens));
    const longest = Math.max(...read);
    const { slot } = this.#branches[read.indexOf(longest)]!;
    if (longest > 0) {
      cache.truncate(this.#start + longest, slot);
      await cache.copy(slot, own);
    }
    this.#end(tokens.slice(0, longest));
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    if (this.#running === 0) this.#end([]);
  }

  async #run<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#running++;
    try {
      return await work();
    } finally {
      this.#running--;
      if (this.#disposed) this[Symbol.dispose]();
    }
  }

  #end(tokens: readonly number[]): void {
    if (this.#settled) return;
    this.#settled = true;
    const { cache, branchSlots, onSettled } = this.sequence;
    for (const slot of branchSlots) cache.truncate(0, slot);
    onSettled(tokens, this.#thetas);
  }

  /** Rows go in the order of the slots, so that backends see neighbours as one batch. */
  async #read(steps: readonly BranchStep[], signal?: AbortSignal): Promise<Float32Array[]> {
    const { runtime, cache } = this.sequence;
    const order = [...steps.keys()].sort((a, b) => this.#slotOf(a) - this.#slotOf(b));
    const ids = Int32Array.from(order, (place) => steps[place]!.token);
    const segments = order.map((place) => ({ slot: this.#slotOf(place), tokens: 1 }));
    const position = cache.length(segments[0]!.slot);
    const angles = repeated(
      runtime.rotary.angles(position, position + 1, position + 1),
      ids.length,
    );
    this.#thetas.push(runtime.rotary.theta(position + 1));
    this.sequence.requireOpen(); // slots were extended meanwhile
    const step = { kind: 'text', ids, angles, cache, segments } as const;
    const logits = await runtime.decode(signal ? { ...step, signal } : step);
    const width = logits.length / order.length;
    const rows = order.map((_, row) => logits.subarray(row * width, (row + 1) * width));
    return steps.map((_, place) => rows[order.indexOf(place)]!);
  }

  #slotOf(branch: number): number {
    return this.#branches[branch]!.slot;
  }
}

function sharedTokens(a: readonly number[], b: readonly number[]): number {
  const differs = a.findIndex((token, place) => token !== b[place]);
  return differs < 0 ? a.length : differs;
}

function repeated({ cos, sin }: RotaryAngles, rows: number): RotaryAngles {
  return { cos: repeatRow(cos, rows), sin: repeatRow(sin, rows) };
}

function repeatRow(row: Float32Array, rows: number): Float32Array {
  const all = new Float32Array(rows * row.length);
  for (let i = 0; i < rows; i++) all.set(row, i * row.length);
  return all;
}

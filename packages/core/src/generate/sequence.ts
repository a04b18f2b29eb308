import type { HostTensor, KvCache } from '../backend/backend.ts';
import { CacheFullError } from '../backend/errors.ts';
import type { TiledImage } from '../models/tiled-image.ts';
import { type Branches, openBranches } from './branches.ts';
import type { DecoderRuntime, ImageStep, TextStep } from './decoder-runtime.ts';
import type { IdleCache } from './idle-caches.ts';
import { emptyPast, type Past, readWith, reusableLength, type SteadyBase } from './past.ts';
import {
  cutPrompt,
  joinTexts,
  type Prompt,
  type PromptSpan,
  promptLength,
  spansFrom,
} from './prompt.ts';
import { PromptLog } from './prompt-log.ts';

/**
 * Prompt positions decoded in one run. On a CPU 256 read a prompt of 512 some 5 % faster than 512 did,
 * for activations stay in its caches, and 128 lose at long pasts; an abort waits for one run.
 */
export const PREFILL_CHUNK = 256;

export interface FeedOptions {
  /** Stops before the next run of the model and rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface TokenOptions extends FeedOptions {
  /**
   * Logits that nobody reads any more, such as those that the token was picked from: those to come may be
   * written over them, which is quicker than to ask for fresh memory. Default: none.
   */
  readonly spare?: Float32Array;
}

/** As much as a sequence should have room for at least. */
export interface SequenceRoom {
  readonly capacity?: number;
  /** Continuations side by side. */
  readonly slots?: number;
}

export interface PromptProgress {
  readonly type: 'prompt-progress';
  readonly processed: number;
  readonly total: number;
}

/** Pictures that a sequence has read, without those that it still held. */
export interface PictureUse {
  readonly encoded: number;
  /** Those that had been encoded before, for whomever. */
  readonly reused: number;
}

/** One conversation's state: give it a prompt or a token, get the logits that follow. */
export interface Sequence extends Disposable {
  readonly length: number;
  /** Positions that it takes memory for: what was cut off counts until its memory is given back. */
  readonly heldPositions: number;
  readonly capacity: number;
  /** How many continuations it can hold side by side. */
  readonly slots: number;
  /** What became of the pictures it has read. */
  readonly pictures: PictureUse;
  /**
   * Makes the sequence hold exactly `prompt`: what it shares with the past from the start is kept,
   * the rest is read in chunks. Yields the progress: first what was kept, then after each chunk.
   * Returns the logits after the last position, [vocabularySize].
   *
   * @throws CacheFullError when the prompt is longer than the capacity.
   */
  prefill(prompt: Prompt, options?: FeedOptions): AsyncGenerator<PromptProgress, Float32Array>;
  /** Appends one token and returns the logits that follow it. */
  feed(token: number, options?: TokenOptions): Promise<Float32Array>;
  /**
   * Appends tokens in one run and returns the logits that follow each of them.
   *
   * @throws CacheFullError when there is no room for all.
   */
  feedAll(tokens: readonly number[], options?: TokenOptions): Promise<readonly Float32Array[]>;
  /**
   * Whether there is room for this many tokens, and feeding them in one run is what feeding one by one
   * is: past the trained length each total has angles of its own.
   */
  canFeedAtOnce(count: number): boolean;
  /**
   * Makes room for more; what it holds stays.
   *
   * @throws CacheMemoryError when there is no memory for that; the sequence is then as it was.
   */
  grow(room: SequenceRoom): Promise<void>;
  /** Forgets everything after the first `length` positions, and gives back what they took. */
  truncate(length: number): void;
  /** Splits into continuations. Until they are settled or disposed the sequence takes nothing. */
  branch(): Branches;
}

/** A new, empty sequence over a cache of its own, with room for `slots` continuations of it. */
export function openSequence(runtime: DecoderRuntime, capacity: number, slots = 1): Sequence {
  const cache = runtime.createCache({ capacity, branches: slots });
  return continueCache(runtime, { cache, past: emptyPast }, () => cache[Symbol.dispose]());
}

/**
 * A sequence over a cache of its own that holds a past; `onDispose` learns what it holds then. Where
 * the cache has less than `room`, it grows when something is read.
 */
export function continueCache(
  runtime: DecoderRuntime,
  { cache, past, room = {} }: IdleCache & { readonly room?: SequenceRoom },
  onDispose: (past: Past) => void,
): Sequence {
  const branchSlots = range(1, cache.slots);
  const place = { slot: 0, branchSlots, past, chunk: PREFILL_CHUNK, room };
  return new CachedSequence(runtime, cache, place, onDispose);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

/** Where in a cache a sequence lives. */
export interface SequencePlace {
  readonly slot: number;
  /** Where its continuations live: slots that nobody else uses. */
  readonly branchSlots: readonly number[];
  /** What the slot holds: of the runtime's origin, or nothing. */
  readonly past: Past;
  /** Prompt positions decoded in one run. */
  readonly chunk: number;
  /** What it should have room for once it reads. Default: what the cache has. */
  readonly room?: SequenceRoom;
  /** Whether memory of what is cut off is for the next sequence here: its room is set aside for good. */
  readonly keepsRoom?: boolean;
}

/** A sequence in a cache that others share; disposing it leaves the cache as it is. */
export function openSequenceIn(
  runtime: DecoderRuntime,
  cache: KvCache,
  place: SequencePlace,
): CachedSequence {
  return new CachedSequence(runtime, cache, { keepsRoom: true, ...place }, () => {});
}

/** A sequence was to go on while its branches do. */
export class SequenceBranchedError extends Error {
  override readonly name = 'SequenceBranchedError';
  constructor() {
    super('This sequence has branches: settle or dispose them before you go on with it');
  }
}

interface ReadOptions {
  /** Where the rows of pictures come from; text needs none. */
  readonly pictures?: PictureRows;
  readonly signal: AbortSignal | undefined;
  /** After how many of the last tokens the logits are wanted. */
  readonly kept?: number;
  readonly spare?: Float32Array | undefined;
}

/** A sequence was to go on that was disposed: its memory may belong to another one. */
export class SequenceDisposedError extends Error {
  override readonly name = 'SequenceDisposedError';
  constructor() {
    super(
      'This sequence was disposed: open another one, and dispose it when its answers have ended',
    );
  }
}

export class CachedSequence implements Sequence {
  /** What the cache holds, and what a broken-off prefill would have added. */
  #log: PromptLog;
  /** Of what the cache holds. */
  #base: SteadyBase;
  #branchSlots: readonly number[];
  #branches: Branches | undefined;
  /** What is going on in the cache: until it has ended, the cache is left to nobody else. */
  #running = 0;
  #disposed = false;
  #left = false;
  readonly #pictures = { encoded: 0, reused: 0 };

  constructor(
    readonly runtime: DecoderRuntime,
    readonly cache: KvCache,
    readonly place: SequencePlace,
    readonly onDispose: (past: Past) => void,
  ) {
    const { prompt, theta, steady } = place.past;
    this.#log = new PromptLog(prompt);
    this.#base = { theta, steady };
    this.#branchSlots = place.branchSlots;
  }

  /** What it holds now. */
  get past(): Past {
    const prompt = cutPrompt(this.#log.prompt, this.length);
    return { prompt, origin: this.runtime.origin, ...this.#base };
  }

  get pictures(): PictureUse {
    return { ...this.#pictures };
  }

  get slots(): number {
    return Math.max(this.#branchSlots.length, this.place.room?.slots ?? 0);
  }

  get length(): number {
    return this.#left ? 0 : this.cache.length(this.place.slot);
  }

  get heldPositions(): number {
    return this.#left ? 0 : this.cache.held(this.place.slot);
  }

  get capacity(): number {
    return Math.max(this.cache.capacity, this.place.room?.capacity ?? 0);
  }

  async *prefill(
    prompt: Prompt,
    { signal }: FeedOptions = {},
  ): AsyncGenerator<PromptProgress, Float32Array> {
    const wanted = joinTexts(prompt);
    const total = promptLength(wanted);
    if (total > this.capacity) throw new CacheFullError(total, 0, this.capacity);
    if (total === 0) throw new RangeError('Cannot read an empty prompt: it has no last token');
    await this.#makeRoom();
    this.#cut(this.#reusable(wanted, total));
    this.#giveBack(total);
    this.#log = new PromptLog(wanted);
    yield { type: 'prompt-progress', processed: this.length, total };
    const pictures = new PictureRows(this.runtime, this.#pictures);
    let logits: Float32Array = new Float32Array();
    try {
      for (const span of spansFrom(wanted, this.length, this.place.chunk)) {
        signal?.throwIfAborted();
        this.#requireWhole();
        logits = await this.#read(span, total, { pictures, signal });
        yield { type: 'prompt-progress', processed: this.length, total };
      }
    } finally {
      if (this.length < total) this.#giveBack();
    }
    return logits;
  }

  async feed(token: number, options?: TokenOptions): Promise<Float32Array> {
    return (await this.feedAll([token], options))[0]!;
  }

  async feedAll(
    tokens: readonly number[],
    { signal, spare }: TokenOptions = {},
  ): Promise<readonly Float32Array[]> {
    await this.#makeRoom();
    const count = tokens.length;
    const total = this.length + count;
    this.#log.write(tokens, this.length);
    const chunk = { type: 'text', ids: Int32Array.from(tokens) } as const;
    const span = { chunk, from: 0, to: count };
    const logits = await this.#read(span, total, { signal, spare, kept: count });
    const width = logits.length / count;
    return tokens.map((_, place) => logits.subarray(place * width, (place + 1) * width));
  }

  canFeedAtOnce(count: number): boolean {
    const total = this.length + count;
    const { rotary } = this.runtime;
    return total <= this.capacity && rotary.theta(this.length + 1) === rotary.theta(total);
  }

  async grow({ capacity = 0, slots = 0 }: SequenceRoom): Promise<void> {
    this.#requireWhole();
    const before = this.cache.slots;
    const more = Math.max(0, slots - this.#branchSlots.length);
    if (more === 0 && capacity <= this.cache.capacity) return;
    await this.#run(() => this.cache.grow({ capacity, slots: before + more }));
    this.#branchSlots = [...this.#branchSlots, ...range(before, before + more)];
  }

  truncate(length: number): void {
    if (this.#disposed) return; // what it held was left to others
    this.#requireWhole();
    this.#cut(length);
    this.cache.giveBack(length, this.place.slot);
  }

  /** Memory of what is cut off is for what comes next. */
  #cut(length: number): void {
    this.cache.truncate(length, this.place.slot);
    this.#base = { ...this.#base, steady: Math.min(this.#base.steady, length) };
  }

  /** What readings before this one had room for, or one that was broken off. */
  #giveBack(length = this.length): void {
    if (this.#left || this.place.keepsRoom) return;
    this.cache.giveBack(length, this.place.slot);
  }

  branch(): Branches {
    this.#requireWhole();
    const { runtime, cache, length } = this;
    this.#running++;
    this.#branches = openBranches({
      ...{ runtime, cache, slot: this.place.slot, branchSlots: this.#branchSlots },
      requireOpen: () => this.#requireOpen(),
      onSettled: (tokens, thetas) => {
        this.#branches = undefined;
        this.#log.write(tokens, length);
        for (const at of tokens.keys()) this.#note(thetas[at]!, length + at, length + at + 1);
        this.#ended();
      },
    });
    return this.#branches;
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#branches?.[Symbol.dispose]();
    this.#leave();
  }

  /** What still runs would write into the cache of whoever goes on from it. */
  #leave(): void {
    if (this.#left || this.#running > 0) return;
    const { past } = this;
    this.#giveBack();
    this.#left = true;
    this.onDispose(past);
    this.#log = new PromptLog([]);
  }

  async #run<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#running++;
    try {
      return await work();
    } finally {
      this.#ended();
    }
  }

  #ended(): void {
    this.#running--;
    if (this.#disposed) this.#leave();
  }

  async #makeRoom(): Promise<void> {
    await this.grow(this.place.room ?? {});
    this.#requireWhole();
  }

  #requireOpen(): void {
    if (this.#disposed) throw new SequenceDisposedError();
  }

  #requireWhole(): void {
    this.#requireOpen();
    if (this.#branches) throw new SequenceBranchedError();
  }

  /** The last position is always read again: its logits are what the caller wants. */
  #reusable(wanted: Prompt, total: number): number {
    const { origin, rotary } = this.runtime;
    // Old keys of another base would not be what a fresh reading of this prompt makes.
    const fresh = { prompt: wanted, origin, theta: rotary.theta(total) };
    return Math.min(reusableLength(this.past, fresh), this.length, total - 1);
  }

  #note(theta: number, from: number, to: number): void {
    this.#base = readWith(this.#base, theta, { from, to });
  }

  #read(span: PromptSpan, total: number, options: ReadOptions): Promise<Float32Array> {
    return this.#run(() => this.#readRows(span, total, options));
  }

  async #readRows(
    { chunk, from, to }: PromptSpan,
    total: number,
    { pictures, signal, spare, kept = 1 }: ReadOptions,
  ): Promise<Float32Array> {
    const start = this.length;
    const read: Pick<TextStep, 'kind' | 'ids'> | Pick<ImageStep, 'kind' | 'rows'> =
      chunk.type === 'text'
        ? { kind: 'text', ids: chunk.ids.subarray(from, to) }
        : { kind: 'image', rows: await pictures!.rows(chunk.image, from, to, signal) };
    this.#requireOpen();
    const { rotary } = this.runtime;
    const end = start + to - from;
    const angles = rotary.angles(start, end, total);
    const theta = rotary.theta(total);
    const segments = [{ slot: this.place.slot, tokens: to - from, kept }];
    const step = { ...read, angles, cache: this.cache, segments, spare };
    const logits = await this.runtime.decode(signal ? { ...step, signal } : step);
    this.#note(theta, start, end);
    return logits;
  }
}

/** Rows of the picture being read: encoded once, handed out in parts, dropped for the next one. */
class PictureRows {
  #current: { image: TiledImage; rows: HostTensor } | undefined;

  constructor(
    readonly runtime: DecoderRuntime,
    readonly use: { encoded: number; reused: number },
  ) {}

  async rows(
    image: TiledImage,
    from: number,
    to: number,
    signal: AbortSignal | undefined,
  ): Promise<HostTensor> {
    if (this.#current?.image !== image) {
      this.#current = undefined;
      const { rows, known } = await this.runtime.encodeImage(image, signal);
      this.use[known ? 'reused' : 'encoded'] += 1;
      this.#current = { image, rows };
    }
    const { shape, data, dtype } = this.#current.rows;
    const width = shape[1]!;
    const part = data.subarray(from * width, to * width);
    return { dtype, shape: [to - from, width], data: part };
  }
}

/** Runs a prefill to its end, for callers who want no progress. */
export async function finishPrefill(
  reading: AsyncGenerator<PromptProgress, Float32Array>,
): Promise<Float32Array> {
  let step = await reading.next();
  while (!step.done) step = await reading.next();
  return step.value;
}

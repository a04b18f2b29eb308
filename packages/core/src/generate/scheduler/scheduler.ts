import { setImmediate } from 'node:timers/promises';
import type { KvCache } from '../../backend/backend.ts';
import { CacheFullError } from '../../backend/errors.ts';
import { TooManyBranchesError } from '../assign-slots.ts';
import { beamCount, checkGenerateOptions, InvalidOptionError } from '../check-options.ts';
import { type GenerationEvent, generate } from '../generate.ts';
import type { GenerateOptions } from '../generate-options.ts';
import { joinTexts, type Prompt, promptLength } from '../prompt.ts';
import { openSequenceIn } from '../sequence.ts';
import { Batcher, type BatchModel } from './batcher.ts';
import { EventQueue } from './event-queue.ts';
import { type Lease, type PrefixUse, SlotPool } from './slot-pool.ts';

export interface SchedulerOptions {
  /** How many requests are answered side by side; others wait in line. */
  readonly slots: number;
  /** Positions a request may take: its prompt and all it writes. Memory follows what is used. */
  readonly capacity: number;
  /** How many beams there can be at once, of all requests together. Default: 0. */
  readonly beams?: number;
  /** Positions of a prompt that are read between two tokens of the others. Default: 256. */
  readonly prefillChunk?: number;
  /**
   * Positions that slots keep of requests that have ended, for prompts that begin alike. Default: all
   * that they hold.
   */
  readonly idleTokens?: number;
  /** Whether it steps by itself while there is something to do. Default: true. */
  readonly automatic?: boolean;
}

export interface SchedulerRequest<Adapter extends string>
  extends Omit<GenerateOptions, 'promptLookup'> {
  readonly prompt: Prompt;
  readonly adapter: Adapter;
}

/** A request that was admitted. */
export interface Admitted {
  /** Its events, for one reader. They come whether or not they are read; who leaves cancels it. */
  readonly events: AsyncIterableIterator<GenerationEvent>;
  /** Ends it within a step; its events then end with the reason. */
  cancel(reason?: unknown): void;
}

export interface SchedulerLoad {
  /** Requests without a slot yet. */
  readonly waiting: number;
  /** Requests that have one. */
  readonly running: number;
  readonly prefixes: PrefixUse;
}

/**
 * Answers many requests at once on one model: their tokens are decoded as one batch, each with
 * options, adapter and end of its own; they come and go between steps. Prompts are read in chunks in
 * between, so that a long one does not stall the others. What fails or is cancelled harms nobody else.
 *
 * @example
 * await using scheduler = model.openScheduler({ slots: 8, capacity: 4096 });
 * const { events } = scheduler.admit({ prompt, adapter: 'base', stopTokens, maxNewTokens: 64 });
 * for await (const event of events) if (event.type === 'token') console.log(event.token);
 */
export class Scheduler<Adapter extends string = string> implements AsyncDisposable {
  readonly #cache: KvCache;
  readonly #batcher: Batcher<Adapter>;
  readonly #pool: SlotPool;
  readonly #waiting: Task<Adapter>[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  #driving: Promise<void> | undefined;

  constructor(
    readonly model: BatchModel<Adapter>,
    readonly options: SchedulerOptions,
    adapter: Adapter,
  ) {
    checkSchedulerOptions(options);
    const { slots, capacity, beams = 0, idleTokens = Infinity } = options;
    this.#batcher = new Batcher(model, () => this.#drive());
    this.#cache = model.runtime(adapter).createCache({ capacity, slots, branches: beams });
    this.#pool = new SlotPool(this.#cache, slots, idleTokens);
  }

  get load(): SchedulerLoad {
    const [waiting, running] = [this.#waiting.length, this.#running.size];
    return { waiting, running, prefixes: this.#pool.use };
  }

  /**
   * Puts a request in line. What cannot be honoured is refused at once.
   *
   * @throws InvalidOptionError, CacheFullError, TooManyBranchesError, UnsupportedError
   */
  admit(request: SchedulerRequest<Adapter>): Admitted {
    const { prompt, adapter, ...options } = request;
    this.#stop.signal.throwIfAborted();
    checkGenerateOptions(options);
    refuseLookup(options);
    this.model.runtime(adapter);
    this.#requireRoom(prompt, options);
    const cancelling = new AbortController();
    const signals = [cancelling.signal, this.#stop.signal, options.signal ?? []].flat();
    const signal = AbortSignal.any(signals);
    const events = new EventQueue<GenerationEvent>(() => cancelling.abort());
    const task = { prompt: joinTexts(prompt), adapter, options: { ...options, signal }, events };
    this.#waiting.push(task);
    signal.addEventListener('abort', () => this.#forget(task, signal.reason), { once: true });
    this.#drive();
    return { events, cancel: (reason) => cancelling.abort(reason) };
  }

  /**
   * Lets waiting requests in, decodes a token for each that writes, and reads one chunk of a prompt.
   * Whether there was anything to do. Only needed when it is not automatic.
   */
  async step(): Promise<boolean> {
    await this.#letIn();
    await setImmediate(); // Everybody who has got logits asks for the next ones.
    return (await this.#batcher.step()) || this.#waiting.length > 0;
  }

  /** Cancels every request and gives back the memory. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error('The scheduler has been disposed'));
    while (this.#running.size > 0) {
      await this.#batcher.step();
      await setImmediate();
    }
    await this.#driving;
    this.#cache[Symbol.dispose]();
  }

  #requireRoom(prompt: Prompt, { maxNewTokens, beams }: GenerateOptions): void {
    const length = promptLength(prompt);
    const wanted = length + maxNewTokens;
    if (wanted > this.options.capacity) {
      throw new CacheFullError(wanted, 0, this.options.capacity);
    }
    const limit = this.options.beams ?? 0;
    if (branchesOf(beams) > limit) throw new TooManyBranchesError(beamCount(beams), limit);
  }

  #drive(): void {
    if (this.options.automatic === false || this.#driving) return;
    this.#driving = this.#stepUntilIdle().finally(() => {
      this.#driving = undefined;
    });
  }

  async #stepUntilIdle(): Promise<void> {
    while (await this.step());
  }

  /** In the order in which they came: none is passed by because another needs less. */
  async #letIn(): Promise<void> {
    for (let task = this.#waiting[0]; task; task = this.#waiting[0]) {
      const beams = branchesOf(task.options.beams);
      if (!this.#pool.canLease(beams)) return;
      this.#waiting.shift();
      const lease = await this.#pool.lease(task.prompt, task.adapter, beams);
      const answering = this.#answer(task, lease).finally(() => this.#running.delete(answering));
      this.#running.add(answering);
    }
  }

  async #answer(task: Task<Adapter>, lease: Lease): Promise<void> {
    const { prompt, adapter, options, events } = task;
    const runtime = this.#batcher.runtime(adapter);
    const sequence = openSequenceIn(runtime, this.#cache, {
      ...lease,
      chunk: this.options.prefillChunk ?? DEFAULT_CHUNK,
    });
    this.#pool.occupy(lease, sequence);
    try {
      await this.#pass(generate(sequence, prompt, options), events);
      events.end();
    } catch (error) {
      events.end({ error });
    } finally {
      this.#pool.release(lease);
      this.#drive();
    }
  }

  async #pass(
    made: AsyncIterable<GenerationEvent>,
    events: EventQueue<GenerationEvent>,
  ): Promise<void> {
    let isFirst = true;
    for await (const event of made) {
      if (isFirst && event.type === 'prompt-progress') this.#pool.count(event.processed);
      isFirst = false;
      events.push(event);
    }
  }

  #forget(task: Task<Adapter>, reason: unknown): void {
    const place = this.#waiting.indexOf(task);
    if (place < 0) return;
    this.#waiting.splice(place, 1);
    task.events.end({ error: reason });
  }
}

interface Task<Adapter extends string> {
  readonly prompt: Prompt;
  readonly adapter: Adapter;
  readonly options: GenerateOptions & { readonly signal: AbortSignal };
  readonly events: EventQueue<GenerationEvent>;
}

/** On two cores a chunk of the 1.8B shape takes about a second. */
const DEFAULT_CHUNK = 256;

/** Reading ahead would take runs of its own, in which nobody else shares. */
function refuseLookup({ promptLookup }: GenerateOptions): void {
  if (!promptLookup) return;
  const detail =
    'a scheduler decodes a token of every request in one run. Leave it out, or use a chat';
  throw new InvalidOptionError('promptLookup', promptLookup, detail);
}

function branchesOf(beams: GenerateOptions['beams']): number {
  const count = beamCount(beams);
  return count > 1 ? count : 0;
}

function checkSchedulerOptions(options: SchedulerOptions): void {
  const { slots, capacity, beams = 0, prefillChunk = DEFAULT_CHUNK, idleTokens = 0 } = options;
  const counts = { slots, capacity, prefillChunk };
  for (const [name, value] of Object.entries(counts)) {
    if (Number.isSafeInteger(value) && value > 0) continue;
    throw new InvalidOptionError(name, value, `it must be a whole number above 0`);
  }
  for (const [name, value] of Object.entries({ beams, idleTokens })) {
    if (value >= 0) continue;
    throw new InvalidOptionError(name, value, `it must be at least 0`);
  }
}

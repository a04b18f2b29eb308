import { setImmediate } from 'node:timers/promises';
import type { KvCache } from '../../backend/backend.ts';
import { CacheFullError } from '../../backend/errors.ts';
import { TooManyBranchesError } from '../assign-slots.ts';
import { beamCount, checkGenerateOptions, InvalidOptionError } from '../check-options.ts';
import { type GenerationEvent, generate } from '../generate.ts';
import type { GenerateOptions } from '../generate-options.ts';
import type { WantedPast } from '../past.ts';
import { joinTexts, type Prompt, promptLength } from '../prompt.ts';
import { openSequenceIn } from '../sequence.ts';
import { Batcher, type BatchModel, type ChosenAdapter } from './batcher.ts';
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
 * between, so that a long one does not stall the others; of pictures one is encoded at a time, and a
 * step waits for one tile of it at most. What fails or is cancelled harms nobody else.
 *
 * @example
 * await using scheduler = model.openScheduler({ slots: 8, capacity: 4096 });
 * const { events } = scheduler.admit({ prompt, adapter: 'base', stopTokens, maxNewTokens: 64 });
 * for await (const event of events) if (event.type === 'token') console.log(event.token);
 */
export class Scheduler<Adapter extends string = string> implements AsyncDisposable {
  readonly #cache: KvCache;
  readonly #claimed: Disposable | undefined;
  readonly #batcher: Batcher<Adapter>;
  readonly #pool: SlotPool;
  readonly #waiting: Task<Adapter>[] = [];
  readonly #running = new Map<Task<Adapter>, Promise<void>>();
  /** Why nothing is admitted any more. */
  #disposed: Error | undefined;
  #driving: Promise<void> | undefined;
  /** Whether something to do has come since the last look. */
  #woken = false;

  constructor(
    readonly model: BatchModel<Adapter>,
    readonly options: SchedulerOptions,
    adapter: Adapter,
  ) {
    checkSchedulerOptions(options);
    const { slots, capacity, beams = 0, idleTokens = Infinity } = options;
    this.#batcher = new Batcher(model, () => this.#drive());
    this.#claimed = model.claimSlots?.(options);
    try {
      this.#cache = model.runtime(adapter).createCache({ capacity, slots, branches: beams });
    } catch (error) {
      this.#claimed?.[Symbol.dispose]();
      throw error;
    }
    this.#pool = new SlotPool(this.#cache, slots, idleTokens);
  }

  get load(): SchedulerLoad {
    const [waiting, running] = [this.#waiting.length, this.#running.size];
    return { waiting, running, prefixes: this.#pool.use };
  }

  /**
   * Puts a request in line. What cannot be honoured is refused at once.
   *
   * @throws InvalidOptionError, CacheFullError, TooManyBranchesError, UnsupportedError; MemoryBudgetError
   * when its pictures would take more than the model may.
   */
  admit(request: SchedulerRequest<Adapter>): Admitted {
    const { prompt, adapter, ...options } = request;
    if (this.#disposed) throw this.#disposed;
    checkGenerateOptions(options);
    refuseLookup(options);
    const runtime = this.model.runtime(adapter);
    this.#requireRoom(prompt, options);
    this.#requirePictureMemory(prompt, adapter);
    const task = this.#enqueue(joinTexts(prompt), { adapter, runtime }, options);
    this.#drive();
    return { events: task.events, cancel: (reason) => this.#cancel(task, reason) };
  }

  /**
   * Lets waiting requests in, decodes a token for each that writes, and reads one chunk of a prompt.
   * Whether there was anything to do. Only needed when it is not automatic.
   */
  async step(): Promise<boolean> {
    return (await this.#advance()) || this.#waiting.length > 0;
  }

  /** Cancels every request and gives back the memory. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= new Error('The scheduler has been disposed');
    for (const task of [...this.#waiting, ...this.#running.keys()]) {
      this.#cancel(task, this.#disposed);
    }
    while (this.#running.size > 0) {
      await this.#batcher.step();
      await setImmediate();
    }
    await this.#driving;
    this.#cache[Symbol.dispose]();
    this.#claimed?.[Symbol.dispose]();
  }

  #requirePictureMemory(prompt: Prompt, adapter: Adapter): void {
    if (prompt.every(({ type }) => type === 'text')) return;
    this.model.requirePictureMemory?.(prompt, adapter);
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

  /** The request's own signal cancels it as well; nothing listens to it when the request has ended. */
  #enqueue(
    prompt: Prompt,
    chosen: ChosenAdapter<Adapter>,
    options: GenerateOptions,
  ): Task<Adapter> {
    const { signal } = options;
    const controller = new AbortController();
    const cancel = (reason?: unknown) => this.#cancel(task, reason);
    const abort = () => cancel(signal!.reason);
    const task: Task<Adapter> = {
      ...{ prompt, chosen, controller, options: { ...options, signal: controller.signal } },
      events: new EventQueue(cancel),
      stopListening: () => signal?.removeEventListener('abort', abort),
    };
    this.#waiting.push(task);
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted) abort();
    return task;
  }

  #cancel(task: Task<Adapter>, reason: unknown): void {
    task.controller.abort(reason);
    const place = this.#waiting.indexOf(task);
    if (place < 0) return;
    this.#waiting.splice(place, 1);
    this.#end(task, { error: task.controller.signal.reason });
  }

  #end({ events, stopListening }: Task, failure?: { readonly error: unknown }): void {
    stopListening();
    events.end(failure);
  }

  #drive(): void {
    this.#woken = true;
    if (this.options.automatic !== false) this.#driving ??= this.#stepUntilIdle();
  }

  /** Those who wait for a slot, or for a picture to be encoded, wake it when they can go on. */
  async #stepUntilIdle(): Promise<void> {
    while (this.#woken) {
      this.#woken = false;
      while (await this.#advance());
    }
    this.#driving = undefined;
  }

  /** Whether anything was decoded. */
  async #advance(): Promise<boolean> {
    await this.#letIn();
    await setImmediate(); // Everybody who has got logits asks for the next ones.
    return this.#batcher.step();
  }

  /** In the order in which they came: none is passed by because another needs less. */
  async #letIn(): Promise<void> {
    for (let task = this.#waiting[0]; task; task = this.#waiting[0]) {
      const beams = branchesOf(task.options.beams);
      if (!this.#pool.canLease(beams)) return;
      this.#waiting.shift();
      try {
        const lease = await this.#pool.lease(wantedBy(task), beams);
        if (this.#disposed) task.controller.abort(this.#disposed);
        const answering = this.#answer(task, lease).finally(() => this.#running.delete(task));
        this.#running.set(task, answering);
      } catch (error) {
        this.#end(task, { error });
      }
    }
  }

  async #answer(task: Task<Adapter>, lease: Lease): Promise<void> {
    const { prompt, chosen, options, events } = task;
    const sequence = openSequenceIn(this.#batcher.runtime(chosen), this.#cache, {
      ...lease,
      chunk: this.options.prefillChunk ?? DEFAULT_CHUNK,
    });
    this.#pool.occupy(lease, sequence);
    try {
      await this.#pass(generate(sequence, prompt, options), events);
      this.#end(task);
    } catch (error) {
      this.#end(task, { error });
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
}

interface Task<Adapter extends string = string> {
  readonly prompt: Prompt;
  readonly chosen: ChosenAdapter<Adapter>;
  readonly options: GenerateOptions & { readonly signal: AbortSignal };
  readonly events: EventQueue<GenerationEvent>;
  readonly controller: AbortController;
  stopListening(): void;
}

function wantedBy({ prompt, chosen }: Task): WantedPast {
  const { origin, rotary } = chosen.runtime;
  return { prompt, origin, theta: rotary.theta(promptLength(prompt)) };
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

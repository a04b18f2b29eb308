import type { DeviceTensor } from '../../backend/backend.ts';
import type { DecoderRuntime, DecodeStep } from '../decoder-runtime.ts';
import type { Prompt } from '../prompt.ts';
import { untilAborted } from '../until-aborted.ts';
import { PendingRows } from './pending-rows.ts';
import type { SchedulerOptions } from './scheduler.ts';

/** A model whose adapters share their caches. */
export interface BatchModel<Adapter extends string = string> {
  /** @throws UnsupportedError when there is no such adapter. */
  runtime(adapter: Adapter): DecoderRuntime;
  /** Decodes text of several adapters in one run: one adapter a segment. */
  decodeMixed?(
    step: DecodeStep,
    adapters: readonly ChosenAdapter<Adapter>[],
  ): Promise<Float32Array>;
  /**
   * Sets memory aside for all that the slots of a scheduler may hold.
   *
   * @throws MemoryBudgetError
   */
  claimSlots?(options: SchedulerOptions): Disposable;
  /** @throws MemoryBudgetError when reading the pictures of a request would take more than it may. */
  requirePictureMemory?(prompt: Prompt, adapter: Adapter): void;
}

/** An adapter as it was when a request came: another one may have its name by now. */
export interface ChosenAdapter<Adapter extends string = string> {
  readonly adapter: Adapter;
  readonly runtime: DecoderRuntime;
}

interface Job<Adapter extends string = string> {
  readonly chosen: ChosenAdapter<Adapter>;
  readonly step: DecodeStep;
  readonly resolve: (logits: Float32Array) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Gathers what sequences want decoded, and decodes it together: all single tokens of all sequences
 * in one run, prompts in runs of their own. Knows nothing of requests.
 */
export class Batcher<Adapter extends string> {
  #tokens: Job<Adapter>[] = [];
  /** Chunks of prompts, the one that has waited longest first. */
  #chunks: Job<Adapter>[] = [];
  /** Settles when every picture that was asked for has been encoded. */
  #encoded: Promise<unknown> = Promise.resolve();

  constructor(
    readonly model: Pick<BatchModel<Adapter>, 'decodeMixed'>,
    /** Called whenever there is something new to do. */
    readonly onWork: () => void,
  ) {}

  /** The model as a sequence sees it: what it decodes waits for the next steps. */
  runtime(chosen: ChosenAdapter<Adapter>): DecoderRuntime {
    const { runtime } = chosen;
    return {
      ...runtime,
      embed: async (ids) => new PendingRows(ids, runtime.embed),
      encodeImage: (image, signal) =>
        this.#encodeInTurn(() => runtime.encodeImage(image, signal), signal),
      decode: (step) => this.#enqueue(chosen, step),
    };
  }

  /** Every single token that waits, then the oldest chunk of a prompt. Whether there was any. */
  async step(): Promise<boolean> {
    const tokens = this.#tokens.filter(stillWanted);
    const [chunk, ...others] = this.#chunks.filter(stillWanted);
    this.#tokens = [];
    this.#chunks = others;
    if (tokens.length > 0) await this.#runTogether(tokens);
    if (chunk) await this.#runAlone(chunk);
    return tokens.length > 0 || chunk !== undefined;
  }

  /** One picture after the other: runs of the tower stand in line with those that decode. */
  #encodeInTurn<T>(encode: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const before = this.#encoded;
    const turn = untilAborted(before, signal).then(encode);
    this.#encoded = Promise.allSettled([before, turn]);
    return turn;
  }

  #enqueue(chosen: ChosenAdapter<Adapter>, step: DecodeStep): Promise<Float32Array> {
    return new Promise((resolve, reject) => {
      const job = { chosen, step, resolve, reject };
      const isToken = step.kind === 'text' && step.segments.every(({ tokens }) => tokens === 1);
      (isToken ? this.#tokens : this.#chunks).push(job);
      this.onWork();
    });
  }

  /** When the run fails, each goes alone, so that only the one at fault fails. */
  async #runTogether(jobs: readonly Job<Adapter>[]): Promise<void> {
    if (jobs.length === 1) return this.#runAlone(jobs[0]!);
    for (const group of this.#groups(jobs)) {
      try {
        const rows = splitRows(await this.#decode(group), group);
        for (const [i, job] of group.entries()) job.resolve(rows[i]!);
      } catch {
        for (const job of group) await this.#runAlone(job);
      }
    }
  }

  async #runAlone(job: Job<Adapter>): Promise<void> {
    try {
      job.resolve(await this.#decode([job], job.step.signal));
    } catch (error) {
      job.reject(error);
    }
  }

  /** Jobs that one run can decode, in the order of their slots: neighbours are one batch then. */
  #groups(jobs: readonly Job<Adapter>[]): readonly Job<Adapter>[][] {
    const sorted = [...jobs].sort((a, b) => firstSlot(a) - firstSlot(b));
    if (this.model.decodeMixed) return [sorted];
    const origins = new Set(sorted.map(originOf));
    return [...origins].map((each) => sorted.filter((job) => originOf(job) === each));
  }

  async #decode(jobs: readonly Job<Adapter>[], signal?: AbortSignal): Promise<Float32Array> {
    const [first] = jobs as readonly [Job<Adapter>];
    const { step } = first;
    const { runtime } = first.chosen;
    const x = await joinRows(jobs, runtime, signal);
    try {
      const joined: DecodeStep = {
        ...{ kind: step.kind, cache: step.cache, x, angles: joinAngles(jobs) },
        segments: jobs.flatMap((job) => job.step.segments),
        ...(signal && { signal }),
        ...(jobs.length === 1 && step.spare && { spare: step.spare }),
      };
      const isMixed = jobs.some((job) => originOf(job) !== originOf(first));
      if (!isMixed) return await runtime.decode(joined);
      const adapters = jobs.flatMap(({ step, chosen }) => step.segments.map(() => chosen));
      return await this.model.decodeMixed!(joined, adapters);
    } finally {
      if (!('data' in x)) x[Symbol.dispose]();
    }
  }
}

function originOf({ chosen }: Job): unknown {
  return chosen.runtime.origin;
}

function stillWanted({ step, reject }: Job): boolean {
  if (step.signal?.aborted) reject(step.signal.reason);
  return !step.signal?.aborted;
}

function firstSlot({ step }: Job): number {
  return step.segments[0]!.slot;
}

async function joinRows(
  jobs: readonly Job[],
  runtime: DecoderRuntime,
  signal: AbortSignal | undefined,
): Promise<DecodeStep['x']> {
  const given = jobs.map(({ step }) => step.x);
  const ids = given.flatMap((x) => (x instanceof PendingRows ? [...x.ids] : []));
  if (ids.length > 0) return (await runtime.embed(Int32Array.from(ids), signal)) as DeviceTensor;
  return given[0]!; // pictures are read alone
}

function joinAngles(jobs: readonly Job[]): DecodeStep['angles'] {
  if (jobs.length === 1) return jobs[0]!.step.angles;
  const join = (part: 'cos' | 'sin') => joinNumbers(jobs.map(({ step }) => step.angles[part]));
  return { cos: join('cos'), sin: join('sin') };
}

function joinNumbers(parts: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** The logits of each job: a row for each of its segments. */
function splitRows(logits: Float32Array, jobs: readonly Job[]): readonly Float32Array[] {
  const rows = jobs.reduce((sum, { step }) => sum + step.segments.length, 0);
  const width = logits.length / rows;
  let at = 0;
  return jobs.map(({ step }) => {
    const from = at;
    at += step.segments.length * width;
    return logits.subarray(from, at);
  });
}

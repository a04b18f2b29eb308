import type { DecoderRuntime, DecodeStep, TextStep } from '../decoder-runtime.ts';
import type { Prompt } from '../prompt.ts';
import { untilAborted } from '../until-aborted.ts';
import type { SchedulerOptions } from './scheduler.ts';

/** A model whose adapters share their caches. */
export interface BatchModel<Adapter extends string = string> {
  /** @throws UnsupportedError when there is no such adapter. */
  runtime(adapter: Adapter): DecoderRuntime;
  /** Decodes text of several adapters in one run: one adapter a segment. */
  decodeMixed?(step: TextStep, adapters: readonly ChosenAdapter<Adapter>[]): Promise<Float32Array>;
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

interface Job<Adapter extends string = string, Step extends DecodeStep = DecodeStep> {
  readonly chosen: ChosenAdapter<Adapter>;
  readonly step: Step;
  readonly resolve: (logits: Float32Array) => void;
  readonly reject: (reason: unknown) => void;
}

type TokenJob<Adapter extends string = string> = Job<Adapter, TextStep>;

/**
 * Gathers what sequences want decoded, and decodes it together: all single tokens of all sequences
 * in one run, prompts in runs of their own. Knows nothing of requests.
 */
export class Batcher<Adapter extends string> {
  #tokens: TokenJob<Adapter>[] = [];
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
      const asked = { chosen, resolve, reject };
      if (isTokens(step)) this.#tokens.push({ ...asked, step });
      else this.#chunks.push({ ...asked, step });
      this.onWork();
    });
  }

  /** When the run fails, each goes alone, so that only the one at fault fails. */
  async #runTogether(jobs: readonly TokenJob<Adapter>[]): Promise<void> {
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

  async #runAlone({ chosen, step, resolve, reject }: Job<Adapter>): Promise<void> {
    try {
      resolve(await chosen.runtime.decode(step));
    } catch (error) {
      reject(error);
    }
  }

  /** Jobs that one run can decode, in the order of their slots: neighbours are one batch then. */
  #groups(jobs: readonly TokenJob<Adapter>[]): readonly TokenJob<Adapter>[][] {
    const sorted = [...jobs].sort((a, b) => firstSlot(a) - firstSlot(b));
    if (this.model.decodeMixed) return [sorted];
    const origins = new Set(sorted.map(originOf));
    return [...origins].map((each) => sorted.filter((job) => originOf(job) === each));
  }

  #decode(jobs: readonly TokenJob<Adapter>[]): Promise<Float32Array> {
    const [first] = jobs as readonly [TokenJob<Adapter>];
    const joined = joinSteps(jobs.map(({ step }) => step));
    const isMixed = jobs.some((job) => originOf(job) !== originOf(first));
    if (!isMixed) return first.chosen.runtime.decode(joined);
    const adapters = jobs.flatMap(({ step, chosen }) => step.segments.map(() => chosen));
    return this.model.decodeMixed!(joined, adapters);
  }
}

function isTokens(step: DecodeStep): step is TextStep {
  return step.kind === 'text' && step.segments.every(({ tokens }) => tokens === 1);
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

/** All of them in one run, which no single one of them may abort. */
function joinSteps(steps: readonly TextStep[]): TextStep {
  const joinAngles = (part: 'cos' | 'sin') => joinNumbers(steps.map(({ angles }) => angles[part]));
  return {
    ...{ kind: 'text', cache: steps[0]!.cache },
    ids: Int32Array.from(steps.flatMap(({ ids }) => [...ids])),
    angles: { cos: joinAngles('cos'), sin: joinAngles('sin') },
    segments: steps.flatMap(({ segments }) => segments),
  };
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

import { untilAborted } from '../../generate/until-aborted.ts';

interface Running<Result> {
  readonly result: Promise<Result>;
  readonly controller: AbortController;
  waiting: number;
}

/** Work that several callers may want at the same time, done once. Keeps nothing of what is done. */
export class SharedWork<Result> {
  readonly #running = new Map<string, Running<Result>>();

  has(key: string): boolean {
    return this.#running.has(key);
  }

  /**
   * Does the work, or waits for the same that runs already. Whoever aborts leaves the others to it; once
   * nobody waits, the work is aborted by the signal it was given.
   */
  async share(
    key: string,
    work: (signal: AbortSignal) => Promise<Result>,
    signal?: AbortSignal,
  ): Promise<Result> {
    signal?.throwIfAborted();
    const running = this.#running.get(key) ?? this.#start(key, work);
    running.waiting += 1;
    try {
      return await untilAborted(running.result, signal);
    } finally {
      running.waiting -= 1;
      if (running.waiting === 0) await this.#abandon(key, running, signal?.reason);
    }
  }

  #start(key: string, work: (signal: AbortSignal) => Promise<Result>): Running<Result> {
    const controller = new AbortController();
    const running = { result: work(controller.signal), controller, waiting: 0 };
    this.#running.set(key, running);
    const forget = () => this.#forget(key, running);
    running.result.then(forget, forget); // before anybody who waits learns of it
    return running;
  }

  /** Who leaves last, before it is done, sees that it has stopped. */
  async #abandon(key: string, running: Running<Result>, reason: unknown): Promise<void> {
    if (this.#running.get(key) !== running) return;
    this.#running.delete(key);
    running.controller.abort(reason);
    await running.result.catch(() => {});
  }

  #forget(key: string, running: Running<Result>): void {
    if (this.#running.get(key) === running) this.#running.delete(key);
  }
}

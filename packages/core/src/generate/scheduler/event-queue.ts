/** Events that one side pushes and one side reads, at their own pace. */
export class EventQueue<Event> implements AsyncIterableIterator<Event> {
  readonly #events: Event[] = [];
  #end: { readonly error?: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(
    /** Called when the reader leaves before the end. */
    readonly onLeave: () => void,
  ) {}

  push(event: Event): void {
    this.#events.push(event);
    this.#wake?.();
  }

  /** No more events; with `error`, the reader gets it after the last one. */
  end(failure: { readonly error?: unknown } = {}): void {
    this.#end ??= failure;
    this.#wake?.();
  }

  async next(): Promise<IteratorResult<Event>> {
    while (this.#events.length === 0 && !this.#end) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#events.length > 0) return { done: false, value: this.#events.shift()! };
    const failure = this.#end!;
    this.#end = {};
    if ('error' in failure) throw failure.error;
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<Event>> {
    this.onLeave();
    this.#events.length = 0;
    this.#end = {};
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

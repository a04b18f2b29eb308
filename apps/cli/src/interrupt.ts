export interface Interrupt extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * A signal that the first Ctrl-C aborts; a second one ends the process as usual. So does the first
 * one after this was disposed.
 */
export function catchInterrupt(): Interrupt {
  const stop = new AbortController();
  const abort = () => stop.abort(new InterruptedError());
  process.once('SIGINT', abort);
  return { signal: stop.signal, [Symbol.dispose]: () => void process.off('SIGINT', abort) };
}

/** The user pressed Ctrl-C. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
  constructor() {
    super('Interrupted');
  }
}

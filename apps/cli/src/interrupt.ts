export interface Interrupt extends Disposable {
  readonly signal: AbortSignal;
}

const signals = ['SIGINT', 'SIGTERM'] as const;
export type EndingSignal = (typeof signals)[number];

/**
 * A signal that the first Ctrl-C aborts, or the first request to end; a second one ends the process
 * as usual. So does the first one after this was disposed.
 */
export function catchInterrupt(): Interrupt {
  const stop = new AbortController();
  const abort = (signal: EndingSignal) => {
    forget();
    stop.abort(new InterruptedError(signal));
  };
  const forget = () => {
    for (const signal of signals) process.off(signal, abort);
  };
  for (const signal of signals) process.on(signal, abort);
  return { signal: stop.signal, [Symbol.dispose]: forget };
}

/** The user pressed Ctrl-C, or another process asked this one to end. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
  constructor(readonly signal: EndingSignal) {
    super('Interrupted');
  }
}

export interface Interrupt extends Disposable {
  readonly signal: AbortSignal;
}

const signals = ['SIGINT', 'SIGTERM'] as const;
export type EndingSignal = (typeof signals)[number];

export interface InterruptOptions {
  /** Whether the same command, given again, goes on after what was finished: the error then says so. */
  readonly goesOn?: boolean;
}

/**
 * A signal that the first Ctrl-C aborts, or the first request to end; a second one ends the process
 * as usual. So does the first one after this was disposed.
 */
export function catchInterrupt(options: InterruptOptions = {}): Interrupt {
  const stop = new AbortController();
  const abort = (signal: EndingSignal) => {
    forget();
    stop.abort(new InterruptedError(signal, options));
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
  constructor(
    readonly signal: EndingSignal,
    { goesOn = false }: InterruptOptions = {},
  ) {
    super(goesOn ? 'Interrupted. The same command goes on after what is finished' : 'Interrupted');
  }
}

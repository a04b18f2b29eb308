import { Presets, SingleBar } from 'cli-progress';

/** A bar that is gone when it is disposed, also after an error. */
export interface ShownProgress extends Disposable {
  update(done: number, total: number): void;
}

/** Written to the error output, so that answers can be piped; silent when that is no terminal. */
export function showProgress(what: string): ShownProgress {
  const bar = new SingleBar(
    {
      format: `${what} {bar} {value}/{total}`,
      stream: process.stderr,
      clearOnComplete: true,
      noTTYOutput: false,
      hideCursor: true,
    },
    Presets.shades_classic,
  );
  let started = false;
  return {
    update(done, total) {
      if (started) bar.setTotal(total);
      else bar.start(total, done);
      started = true;
      bar.update(done);
    },
    [Symbol.dispose]: () => bar.stop(),
  };
}

/** For who does not look. */
export const silentProgress: ShownProgress = { update: () => {}, [Symbol.dispose]: () => {} };

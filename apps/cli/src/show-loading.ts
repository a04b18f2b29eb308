import type { CompileProgress } from '@lingbi/core';
import { Presets, SingleBar } from 'cli-progress';

export interface Loading extends Disposable {
  readonly update: (progress: CompileProgress) => void;
}

/** A bar on the error output while weights load; nothing where nobody watches. */
export function showLoading(): Loading {
  const bar = progressBar('loading weights');
  return {
    update({ loadedWeights, totalWeights }) {
      bar.setTotal(totalWeights);
      bar.update(loadedWeights);
    },
    [Symbol.dispose]: () => bar.stop(),
  };
}

/** Written to the error output, so that answers can be piped; silent when that is no terminal. */
export function progressBar(what: string): SingleBar {
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
  bar.start(1, 0);
  return bar;
}

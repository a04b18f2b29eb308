/**
 * Does something if the process exits before this is disposed of. What must not outlive the process,
 * a child or a temporary file, is cleaned up by it.
 */
export function atExit(cleanUp: () => void): Disposable {
  // Each of many decodings has its own listener; without room for it Node warns of a leak.
  process.setMaxListeners(process.getMaxListeners() + 1);
  process.once('exit', cleanUp);
  return {
    [Symbol.dispose]() {
      process.off('exit', cleanUp);
      process.setMaxListeners(Math.max(process.getMaxListeners() - 1, 0));
    },
  };
}

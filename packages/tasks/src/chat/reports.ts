/**
 * What some work reports while it runs, as it comes; returns what the work returns, or throws what it
 * throws. The work is told to end by the signal when nobody listens any more.
 */
export async function* reportsOf<Report, Result>(
  work: (report: (report: Report) => void, signal: AbortSignal) => Promise<Result>,
): AsyncGenerator<Report, Result> {
  const waiting: Report[] = [];
  const left = new AbortController();
  let wake = (): void => {};
  let ended = false;
  const add = (report: Report): void => {
    waiting.push(report);
    wake();
  };
  const result = work(add, left.signal).finally(() => {
    ended = true;
    wake();
  });
  result.catch(() => {}); // thrown below, unless nobody listens any more
  try {
    while (!ended || waiting.length > 0) {
      yield* waiting.splice(0);
      if (ended || waiting.length > 0) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return await result;
  } finally {
    left.abort();
    await result.catch(() => {}); // whoever leaves leaves nothing running
  }
}

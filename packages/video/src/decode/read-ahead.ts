/**
 * Takes from a source before anybody asks, as long as what waits is smaller than `limit`. Cancelling
 * the stream ends the source.
 */
export function readAhead<T>(
  source: AsyncGenerator<T>,
  sizeOf: (item: T) => number,
  limit: number,
): ReadableStream<T> {
  return new ReadableStream<T>(
    {
      async pull(controller) {
        const next = await source.next();
        if (next.done) controller.close();
        else controller.enqueue(next.value);
      },
      async cancel() {
        await source.return(undefined);
      },
    },
    { highWaterMark: limit, size: sizeOf },
  );
}

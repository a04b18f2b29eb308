import { MessageChannel } from 'node:worker_threads';

/**
 * Gives the memory of arrays back at once instead of when the garbage collector comes; they are empty
 * from then on. Nothing may be bound to it any more.
 */
export function releaseMemory(...arrays: readonly ArrayBufferView<ArrayBuffer>[]): void {
  const { port1 } = new MessageChannel();
  port1.close();
  // What is handed over to a port that nobody listens to is freed with the message.
  port1.postMessage(
    undefined,
    arrays.map(({ buffer }) => buffer),
  );
}

import type { PullEvent } from '@lingbi/hub';
import { showProgress } from './show-progress.ts';

export interface ShownDownload extends Disposable {
  readonly update: (event: PullEvent) => void;
}

/** One bar over all files, in megabytes; or every event as a JSON object a line. */
export function showDownload({ json = false }: { readonly json?: boolean } = {}): ShownDownload {
  if (json) {
    return { update: (event) => console.log(JSON.stringify(event)), [Symbol.dispose]: () => {} };
  }
  const bar = showProgress('downloading (MB)');
  const received = new Map<string, number>();
  let total = 0;
  const update = (event: PullEvent): void => {
    if (event.type === 'plan-made') total = event.plan.bytes;
    if (event.type === 'bytes-received') received.set(event.path, event.receivedBytes);
    if (event.type === 'file-finished') received.set(event.path, event.bytes);
    const done = [...received.values()].reduce((sum, bytes) => sum + bytes, 0);
    bar.update(Math.round(done / 1e6), Math.max(1, Math.round(total / 1e6)));
  };
  return { update, [Symbol.dispose]: () => bar[Symbol.dispose]() };
}

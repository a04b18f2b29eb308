import type { PullEvent } from '@lingbi/hub';
import type { Report } from './report.ts';

export interface ShownDownload extends Disposable {
  readonly update: (event: PullEvent) => void;
}

/** One bar over all files, in megabytes; scripts get every event. */
export function showDownload(report: Report): ShownDownload {
  const bar = report.progress('downloading (MB)');
  const received = new Map<string, number>();
  let total = 0;
  const update = (event: PullEvent): void => {
    report.event(event);
    if (event.type === 'plan-made') total = event.plan.bytes;
    if (event.type === 'bytes-received') received.set(event.path, event.receivedBytes);
    if (event.type === 'file-finished') received.set(event.path, event.bytes);
    if (received.size === 0) return;
    const done = [...received.values()].reduce((sum, bytes) => sum + bytes, 0);
    bar.update(Math.round(done / 1e6), Math.max(1, Math.round(total / 1e6)));
  };
  return { update, [Symbol.dispose]: () => bar[Symbol.dispose]() };
}

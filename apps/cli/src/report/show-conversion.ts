import type { ConvertEvent } from '@lingbi/hub';
import { listNames } from './list-names.ts';
import type { Report } from './report.ts';

export interface ShownConversion extends Disposable {
  readonly update: (event: ConvertEvent) => void;
}

/** A bar while the source is read for its hashes, then one over all weights; scripts get every event. */
export function showConversion(report: Report, what = 'converting (weights)'): ShownConversion {
  let bar = report.progress('reading the source (MB)');
  let isWriting = false;
  /** Two bars at a time would write over each other. */
  const writingBar = () => {
    if (!isWriting) {
      bar[Symbol.dispose]();
      bar = report.progress(what);
    }
    isWriting = true;
    return bar;
  };
  const update = (event: ConvertEvent): void => {
    report.event(event);
    warn(report, event);
    if (event.type === 'bytes-hashed') {
      bar.update(Math.round(event.hashedBytes / 1e6), Math.round(event.totalBytes / 1e6));
    }
    if (event.type === 'weight-written' || event.type === 'file-kept') {
      writingBar().update(event.written, event.total);
    }
  };
  return { update, [Symbol.dispose]: () => bar[Symbol.dispose]() };
}

function warn(report: Report, event: ConvertEvent): void {
  if (event.type === 'tensors-ignored') report.warn(ignoredText(event.names));
  if (event.type === 'blocks-narrowed') report.warn(narrowedText(event.block, event.names));
  if (event.type === 'file-damaged') report.warn(`${event.file} was damaged: written again`);
}

function ignoredText(names: readonly string[]): string {
  return `no weight of this family is made of ${listNames(names)}: left out`;
}

function narrowedText(block: number, names: readonly string[]): string {
  return `rows of ${listNames(names)} do not divide into blocks of ${block}: stored in smaller ones`;
}

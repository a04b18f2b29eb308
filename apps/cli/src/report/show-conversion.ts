import type { ConvertEvent } from '@lingbi/hub';
import { listNames } from './list-names.ts';
import type { Report } from './report.ts';

export interface ShownConversion extends Disposable {
  readonly update: (event: ConvertEvent) => void;
}

/** One bar over all weights; scripts get every event. */
export function showConversion(report: Report): ShownConversion {
  const bar = report.progress('converting (weights)');
  const update = (event: ConvertEvent): void => {
    report.event(event);
    if (event.type === 'tensors-ignored') report.warn(ignoredText(event.names));
    if (event.type === 'blocks-narrowed') report.warn(narrowedText(event.block, event.names));
    if (event.type === 'file-damaged') report.warn(`${event.file} was damaged: written again`);
    if (event.type === 'weight-written' || event.type === 'file-kept') {
      bar.update(event.written, event.total);
    }
  };
  return { update, [Symbol.dispose]: () => bar[Symbol.dispose]() };
}

function ignoredText(names: readonly string[]): string {
  return `no weight of this family is made of ${listNames(names)}: left out`;
}

function narrowedText(block: number, names: readonly string[]): string {
  return `rows of ${listNames(names)} do not divide into blocks of ${block}: stored in smaller ones`;
}

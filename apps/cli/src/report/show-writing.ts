import type { WriterEvent } from '@lingbi/tasks';
import type { Report } from './report.ts';
import type { ShownProgress } from './show-progress.ts';

/** What a recipe tells: which step, and what its writer says. */
type StepEvent = WriterEvent & { readonly step: string };

export interface ShownWriting extends Disposable {
  /** Hand it to a recipe as `onEvent`. */
  readonly listen: (event: StepEvent) => void;
}

/**
 * Shows a recipe at work: a bar while a prompt is read, then the end of what is being written; scripts
 * get every event. With `stream` the text itself is printed.
 */
export function showWriting(
  report: Report,
  { stream = false }: { readonly stream?: boolean } = {},
): ShownWriting {
  let reading: ShownProgress | undefined;
  let written = '';
  const stopReading = () => {
    reading?.[Symbol.dispose]();
    reading = undefined;
  };
  const listen = (event: StepEvent) => {
    report.event(event);
    if (event.type === 'prompt-progress') {
      reading ??= report.progress(`reading the prompt (${event.step})`);
      reading.update(event.processed, event.total);
      return;
    }
    stopReading();
    if (event.type === 'draft') report.draft(event.text);
    if (event.type === 'text') written += event.text;
    if (event.type === 'text' && stream) report.print(event.text);
    else if (event.type === 'text') report.draft(written);
    if (event.type === 'end') written = '';
  };
  return { listen, [Symbol.dispose]: stopReading };
}

import type { Answer, ChatEvent } from '@lingbi/tasks';
import { createReport, type Report } from './report.ts';
import type { ShownProgress } from './show-progress.ts';

/** Prints an answer as it comes; progress and warnings go to the error output. */
export async function showAnswer(
  events: AsyncIterable<ChatEvent>,
  report: Report = createReport(),
): Promise<Answer | undefined> {
  using bars = oneBarAtATime(report);
  let answer: Answer | undefined;
  for await (const event of events) {
    report.event(event);
    showWork(event, bars);
    if (event.type === 'draft') report.draft(event.text);
    if (event.type === 'text') report.print(event.text);
    if (event.type === 'end') answer = event;
  }
  report.print('\n');
  for (const { message } of answer?.warnings ?? []) report.warn(message);
  return answer;
}

/** A bar for what comes before the answer, and none once that begins. */
function showWork(event: ChatEvent, bars: Bars): void {
  if (event.type === 'video-progress') {
    bars.update('decoding the video', event.decoded, event.wanted);
  } else if (event.type === 'prompt-progress') {
    bars.update('reading the prompt', event.processed, event.total);
  } else bars[Symbol.dispose]();
}

interface Bars extends Disposable {
  update(what: string, done: number, total: number): void;
}

function oneBarAtATime(report: Report): Bars {
  let shown: { readonly what: string; readonly bar: ShownProgress } | undefined;
  const end = (): void => {
    shown?.bar[Symbol.dispose]();
    shown = undefined;
  };
  return {
    update(what, done, total) {
      if (shown?.what !== what) end();
      shown ??= { what, bar: report.progress(what) };
      shown.bar.update(done, total);
    },
    [Symbol.dispose]: end,
  };
}

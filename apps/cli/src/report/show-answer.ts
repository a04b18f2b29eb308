import type { Answer, ChatEvent } from '@lingbi/tasks';
import { createReport, type Report } from './report.ts';

/** Prints an answer as it comes; progress and warnings go to the error output. */
export async function showAnswer(
  events: AsyncIterable<ChatEvent>,
  report: Report = createReport(),
): Promise<Answer | undefined> {
  using reading = report.progress('reading the prompt');
  let answer: Answer | undefined;
  for await (const event of events) {
    report.event(event);
    if (event.type === 'prompt-progress') reading.update(event.processed, event.total);
    else reading[Symbol.dispose]();
    if (event.type === 'draft') report.draft(event.text);
    if (event.type === 'text') report.print(event.text);
    if (event.type === 'end') answer = event;
  }
  report.print('\n');
  // Scripts find them in the end event.
  if (!report.json) for (const { message } of answer?.warnings ?? []) report.warn(message);
  return answer;
}

import type { Answer, ChatEvent } from '@lingbi/tasks';
import { showProgress } from './show-progress.ts';

export interface ShowOptions {
  /** Print every event as a JSON object a line. */
  readonly json?: boolean;
}

/** Prints an answer as it comes; progress and warnings go to the error output. */
export async function showAnswer(
  events: AsyncIterable<ChatEvent>,
  { json = false }: ShowOptions = {},
): Promise<Answer | undefined> {
  let answer: Answer | undefined;
  if (json) {
    for await (const event of events) {
      console.log(JSON.stringify(event));
      if (event.type === 'end') answer = event;
    }
    return answer;
  }
  using reading = showProgress('reading the prompt');
  let drafted = false;
  for await (const event of events) {
    if (event.type === 'prompt-progress') reading.update(event.processed, event.total);
    else reading[Symbol.dispose]();
    if (drafted) clearDraft();
    drafted = event.type === 'draft';
    if (event.type === 'draft') showDraft(event.text);
    if (event.type === 'text') process.stdout.write(event.text);
    if (event.type === 'end') {
      process.stdout.write('\n');
      for (const { message } of event.warnings) console.error(`warning: ${message}`);
      answer = event;
    }
  }
  return answer;
}

/** The end of the best answer so far, in one line that the next one replaces. */
function showDraft(text: string): void {
  if (!process.stderr.isTTY) return;
  const room = (process.stderr.columns || 80) - 4;
  const line = text.replaceAll(/\s+/g, ' ').slice(-room);
  process.stderr.write(`\r\x1b[K… ${line}`);
}

function clearDraft(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
}

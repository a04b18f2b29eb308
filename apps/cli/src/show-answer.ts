import type { Answer, ChatEvent } from '@lingbi/tasks';
import { progressBar } from './show-loading.ts';

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
  const reading = progressBar('reading the prompt');
  for await (const event of events) {
    if (event.type === 'prompt-progress') {
      reading.setTotal(event.total);
      reading.update(event.processed);
    } else {
      reading.stop();
    }
    if (event.type === 'text') process.stdout.write(event.text);
    if (event.type === 'end') {
      process.stdout.write('\n');
      for (const { message } of event.warnings) console.error(`warning: ${message}`);
      answer = event;
    }
  }
  reading.stop();
  return answer;
}

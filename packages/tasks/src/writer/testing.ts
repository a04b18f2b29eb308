/** Writers for tests: what they answer is scripted, what they were asked is kept. */
import type { WriteRequest, Writer, WriterEvent } from './writer.ts';

/** The answer to a request, or the events of one. */
export type Script = (request: WriteRequest, call: number) => string | readonly WriterEvent[];

/** Answers as the script says; a list is used up in order. */
export function scriptedWriter(
  script: Script | readonly string[],
): Writer & { readonly requests: WriteRequest[] } {
  const requests: WriteRequest[] = [];
  const answer: Script = typeof script === 'function' ? script : (_, call) => next(script, call);
  return {
    requests,
    async *write(request) {
      const call = requests.push(request) - 1;
      const scripted = answer(request, call);
      yield* typeof scripted === 'string' ? eventsOf(scripted) : scripted;
    },
  };
}

/** The text of a chat prompt's query. */
export function queryOf({ prompt }: WriteRequest): string {
  return prompt.format === 'chat' ? prompt.query : prompt.spans.map(({ text }) => text).join('');
}

function next(script: readonly string[], call: number): string {
  const answer = script[call];
  if (answer === undefined) throw new Error(`The script has no answer to request ${call}`);
  return answer;
}

function eventsOf(text: string): WriterEvent[] {
  return [
    { type: 'text', text: text.slice(0, 3) },
    { type: 'text', text: text.slice(3) },
    { type: 'end', text, reason: 'stop' },
  ];
}

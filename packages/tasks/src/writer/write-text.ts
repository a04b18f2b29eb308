import type { FinishReason } from '../chat/events.ts';
import { UnfinishedAnswerError } from './errors.ts';
import type { StepListener, WriteRequest, Writer } from './writer.ts';

/** An answer read to its end. */
export interface WrittenText {
  readonly text: string;
  readonly reason: FinishReason;
  readonly warnings: readonly string[];
}

/**
 * Writes, passes the events on, and waits for the whole answer.
 *
 * @throws UnfinishedAnswerError when the writer yields no end; what the writer throws.
 */
export async function writeText<Step extends string>(
  writer: Writer,
  request: WriteRequest,
  step: Step,
  onEvent?: StepListener<Step>,
): Promise<WrittenText> {
  const warnings: string[] = [];
  let text = '';
  for await (const event of writer.write(request)) {
    onEvent?.({ ...event, step });
    if (event.type === 'warning') warnings.push(event.message);
    if (event.type === 'text') text += event.text;
    if (event.type === 'end') return { text: event.text, reason: event.reason, warnings };
  }
  throw new UnfinishedAnswerError(text);
}

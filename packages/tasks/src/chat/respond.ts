import { type GenerationEvent, generate, type Sampler, type Sequence } from '@lingbi/core';
import { createTurnEndCutter, type Tokenizer } from '@lingbi/tokenizer';
import type { ChatEvent } from './events.ts';
import type { PreparedPrompt } from './prepare-prompt.ts';

export interface RespondOptions {
  readonly stopTokens: ReadonlySet<number>;
  readonly maxNewTokens: number;
  readonly sampler?: Sampler;
  readonly signal?: AbortSignal;
}

/** Reads a prompt and writes the answer, as events. */
export async function* respond(
  sequence: Sequence,
  tokenizer: Tokenizer,
  prompt: PreparedPrompt,
  options: RespondOptions,
): AsyncGenerator<ChatEvent> {
  const writer = createAnswerWriter(tokenizer);
  for await (const event of generate(sequence, prompt.chunks, options)) {
    if (event.type === 'prompt-progress') yield event;
    else if (event.type === 'token') {
      yield event;
      yield* textEvent(writer.push(event.token));
    } else {
      yield* textEvent(writer.end());
      yield endEvent(event, writer.text, prompt);
    }
  }
}

function* textEvent(text: string): Generator<ChatEvent> {
  if (text !== '') yield { type: 'text', text };
}

function endEvent(
  { reason, promptTokens, cachedTokens, newTokens }: GenerationEvent & { type: 'generation-end' },
  text: string,
  { written }: PreparedPrompt,
): ChatEvent {
  const imageTokens = written.imageSpans.reduce((sum, [, length]) => sum + length, 0);
  return {
    type: 'end',
    text,
    reason: reason === 'stop-token' ? 'stop' : 'length',
    usage: { promptTokens, cachedTokens, imageTokens, newTokens },
    warnings: written.warnings,
  };
}

/** Tokens to text, whole to the character and up to the mark that closes the turn. */
function createAnswerWriter(tokenizer: Tokenizer) {
  const characters = tokenizer.createTextStream();
  const turn = createTurnEndCutter();
  let text = '';
  const write = (part: string) => {
    text += part;
    return part;
  };
  return {
    get text() {
      return text;
    },
    push: (token: number) => write(turn.push(characters.push(token))),
    end: () => write(turn.push(characters.end()) + turn.end()),
  };
}

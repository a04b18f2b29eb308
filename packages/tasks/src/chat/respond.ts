import {
  type EndReason,
  type GenerateOptions,
  type GenerationEnd,
  type GenerationEvent,
  generate,
  type Hypothesis,
  type Sequence,
} from '@lingbi/core';
import type { Tokenizer } from '@lingbi/tokenizer';
import { createDraftReader } from '../text/draft-reader.ts';
import { type TextWriter, writeAll } from '../text/text-writer.ts';
import { createAnswerWriter } from './answer-writer.ts';
import type { AnswerToken, ChatEvent, FinishReason, RankedAnswer } from './events.ts';
import type { PreparedPrompt } from './prepare-prompt.ts';
import { endsWithStopString } from './stop-strings.ts';

export interface RespondOptions extends Omit<GenerateOptions, 'stopWhen'> {
  /** Texts before which the answer ends. */
  readonly stop?: readonly string[];
}

/** Reads a prompt and writes the answer, as events. */
export async function* respond(
  sequence: Sequence,
  tokenizer: Tokenizer,
  prompt: PreparedPrompt,
  { stop = [], ...options }: RespondOptions,
): AsyncGenerator<ChatEvent> {
  const stopWhen = stop.length > 0 && { stopWhen: endsWithStopString(tokenizer, stop) };
  const open = () => createAnswerWriter(tokenizer, stop);
  const texts = { open, writer: open(), readDraft: createDraftReader(open) };
  const tokens: AnswerToken[] = [];
  for await (const event of generate(sequence, prompt.chunks, { ...options, ...stopWhen })) {
    if (event.type === 'token' && event.logprobs) {
      tokens.push({ token: event.token, logprobs: event.logprobs });
    }
    for (const told of chatEvents(event, texts, prompt)) {
      yield told.type === 'end' && options.topLogprobs !== undefined ? { ...told, tokens } : told;
    }
  }
}

/** Turns the tokens of one answer into text. */
interface AnswerTexts {
  readonly open: () => TextWriter;
  /** Gets the tokens of the answer as they come. */
  readonly writer: TextWriter;
  readonly readDraft: (tokens: readonly number[]) => string;
}

function* chatEvents(
  event: GenerationEvent,
  texts: AnswerTexts,
  prompt: PreparedPrompt,
): Generator<ChatEvent> {
  switch (event.type) {
    case 'prompt-progress':
      return yield event;
    case 'beam-progress':
      return yield { type: 'draft', text: texts.readDraft(event.tokens), score: event.score };
    case 'token':
      yield event;
      return yield* textEvent(texts.writer.push(event.token));
    case 'generation-end':
      yield* textEvent(texts.writer.end());
      return yield endEvent(event, texts, prompt);
    default:
      throw event satisfies never;
  }
}

function* textEvent(text: string): Generator<ChatEvent> {
  if (text !== '') yield { type: 'text', text };
}

function endEvent(
  { reason, promptTokens, cachedTokens, pictures, newTokens, answers, seed, lookup }: GenerationEnd,
  { open, writer }: AnswerTexts,
  { written, warnings }: PreparedPrompt,
): ChatEvent {
  const imageTokens = written.imageSpans.reduce((sum, [, length]) => sum + length, 0);
  const ranked = answers?.map((answer) => rankedAnswer(answer, open()));
  return {
    type: 'end',
    text: writer.text,
    reason: finishReasons[reason],
    usage: {
      ...{ promptTokens, cachedTokens, pictures, imageTokens, newTokens },
      ...(lookup && { lookup }),
    },
    ...(ranked && { ranked }),
    ...(seed !== undefined && { seed }),
    warnings,
  };
}

function rankedAnswer({ tokens, score, reason }: Hypothesis, writer: TextWriter): RankedAnswer {
  return { text: writeAll(writer, tokens), score, reason: finishReasons[reason] };
}

const finishReasons: Readonly<Record<EndReason, FinishReason>> = {
  'stop-token': 'stop',
  'stop-condition': 'stop-string',
  'max-tokens': 'length',
};

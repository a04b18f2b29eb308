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
import { type AnswerWriter, answerText, createAnswerWriter } from './answer-writer.ts';
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
  const writer = createAnswerWriter(tokenizer, stop);
  const textOf = (tokens: readonly number[]) => answerText(tokenizer, tokens, stop);
  const tokens: AnswerToken[] = [];
  for await (const event of generate(sequence, prompt.chunks, { ...options, ...stopWhen })) {
    if (event.type === 'token' && event.logprobs) {
      tokens.push({ token: event.token, logprobs: event.logprobs });
    }
    for (const told of chatEvents(event, writer, textOf, prompt)) {
      yield told.type === 'end' && options.topLogprobs !== undefined ? { ...told, tokens } : told;
    }
  }
}

function* chatEvents(
  event: GenerationEvent,
  writer: AnswerWriter,
  textOf: (tokens: readonly number[]) => string,
  prompt: PreparedPrompt,
): Generator<ChatEvent> {
  switch (event.type) {
    case 'prompt-progress':
      return yield event;
    case 'beam-progress':
      return yield { type: 'draft', text: textOf(event.tokens), score: event.score };
    case 'token':
      yield event;
      return yield* textEvent(writer.push(event.token));
    case 'generation-end':
      yield* textEvent(writer.end());
      return yield endEvent(event, writer.text, textOf, prompt);
    default:
      throw event satisfies never;
  }
}

function* textEvent(text: string): Generator<ChatEvent> {
  if (text !== '') yield { type: 'text', text };
}

function endEvent(
  { reason, promptTokens, cachedTokens, pictures, newTokens, answers, seed, lookup }: GenerationEnd,
  text: string,
  textOf: (tokens: readonly number[]) => string,
  { written, warnings }: PreparedPrompt,
): ChatEvent {
  const imageTokens = written.imageSpans.reduce((sum, [, length]) => sum + length, 0);
  const ranked = answers?.map((answer) => rankedAnswer(answer, textOf));
  return {
    type: 'end',
    text,
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

function rankedAnswer(
  { tokens, score, reason }: Hypothesis,
  textOf: (tokens: readonly number[]) => string,
): RankedAnswer {
  return { text: textOf(tokens), score, reason: finishReasons[reason] };
}

const finishReasons: Readonly<Record<EndReason, FinishReason>> = {
  'stop-token': 'stop',
  'stop-condition': 'stop-string',
  'max-tokens': 'length',
};

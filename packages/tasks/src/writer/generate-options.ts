import type { GenerateOptions } from '@lingbi/core';
import type { Tokenizer } from '@lingbi/tokenizer';
import { NoRoomForAnswerError, UnsupportedSettingError } from './errors.ts';
import type { AnswerLimit } from './generation-settings.ts';
import type { WriteRequest } from './writer.ts';

/**
 * A recipe's request as the engine takes it.
 *
 * @throws UnsupportedSettingError, NoRoomForAnswerError
 */
export function generateOptions(
  { settings, ...request }: WriteRequest,
  tokenizer: Tokenizer,
  promptTokens: number,
): GenerateOptions {
  const { beams, sampling, repetitionPenalty, lengthPenalty, stop, limit, seed } = settings;
  return {
    stopTokens: stopTokens(stop, tokenizer),
    maxNewTokens: newTokens(limit, promptTokens),
    repetitionPenalty,
    penaltyScope: settings.penaltyScope ?? scopeOfReference(request),
    ...(beams > 1 && { beams: { count: beams, lengthPenalty } }),
    ...(sampling !== 'greedy' && {
      sampling: { ...sampling, ...(seed !== undefined && { seed }) },
    }),
  };
}

/** It passes ids where it goes on with a text, and embeddings elsewhere (spec CHAT §6.1). */
function scopeOfReference({ prompt, images = [] }: Omit<WriteRequest, 'settings'>): PenaltyScope {
  const goesOn = prompt.format === 'chat' && prompt.answerStart !== undefined;
  return goesOn && images.length === 0 ? 'prompt-and-answer' : 'answer';
}

type PenaltyScope = NonNullable<GenerateOptions['penaltyScope']>;

function stopTokens(pieces: readonly string[], tokenizer: Tokenizer): ReadonlySet<number> {
  const ids = pieces.map((piece) => {
    const id = tokenizer.idOf(piece);
    if (id !== undefined) return id;
    const detail = `the vocabulary has no piece ${piece}; these settings are another model's`;
    throw new UnsupportedSettingError('stop', pieces, detail);
  });
  return new Set(ids);
}

function newTokens(limit: AnswerLimit, promptTokens: number): number {
  if ('newTokens' in limit) return limit.newTokens;
  const room = limit.totalTokens - promptTokens;
  if (room < 1) throw new NoRoomForAnswerError(promptTokens, limit.totalTokens);
  return room;
}

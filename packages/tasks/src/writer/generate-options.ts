import type { GenerateOptions } from '@lingbi/core';
import type { Tokenizer } from '@lingbi/tokenizer';
import { NoRoomForAnswerError, UnsupportedSettingError } from './errors.ts';
import type { AnswerLimit, GenerationSettings } from './generation-settings.ts';

/**
 * A recipe's settings as the engine takes them.
 *
 * @throws UnsupportedSettingError, NoRoomForAnswerError
 */
export function generateOptions(
  settings: GenerationSettings,
  tokenizer: Tokenizer,
  promptTokens: number,
): GenerateOptions {
  const { beams, sampling, repetitionPenalty, lengthPenalty, stop, limit, seed } = settings;
  return {
    stopTokens: stopTokens(stop, tokenizer),
    maxNewTokens: newTokens(limit, promptTokens),
    repetitionPenalty,
    ...(beams > 1 && { beams: { count: beams, lengthPenalty } }),
    ...(sampling !== 'greedy' && {
      sampling: { ...sampling, ...(seed !== undefined && { seed }) },
    }),
  };
}

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

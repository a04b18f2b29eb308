/** What types cannot say to callers without them. */
import { beamCount, type GenerateOptions, InvalidOptionError } from '@lingbi/core';
import type { ChatOptions } from './chat.ts';

/** @throws TypeError naming the option and what it should be. */
export function requireChatOptions({ meta, history, images, hdNum }: ChatOptions): void {
  requireKind('meta', meta, 'a text or true', isTextOrSwitch);
  requireKind('images', images, 'a list of pictures', Array.isArray);
  requireKind('history', history, 'a list of { query, answer } texts', isHistory);
  requireKind('hdNum', hdNum, 'a whole number of tiles above 0', isCount);
}

/** @throws TypeError */
export function requireQuestion(question: unknown, images: unknown): void {
  requireKind('the question', question ?? null, 'a text', (value) => typeof value === 'string');
  requireKind('images', images, 'a list of pictures', Array.isArray);
}

/** @throws InvalidOptionError for what does not go with a `responseFormat`. */
export function requireOneAnswer({
  beams,
  minNewTokens,
}: Pick<GenerateOptions, 'beams' | 'minNewTokens'>): void {
  if (beamCount(beams) > 1) {
    throw new InvalidOptionError('beams', beams, 'a responseFormat holds one answer. Use beams: 1');
  }
  if (minNewTokens) {
    const detail = 'a responseFormat decides when the answer may end. Leave one of them out';
    throw new InvalidOptionError('minNewTokens', minNewTokens, detail);
  }
}

function requireKind(
  what: string,
  value: unknown,
  expected: string,
  fits: (value: unknown) => boolean,
): void {
  if (value === undefined || fits(value)) return;
  throw new TypeError(`chat: ${what} must be ${expected}, but it is ${JSON.stringify(value)}`);
}

function isTextOrSwitch(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'boolean';
}

function isCount(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) > 0;
}

function isHistory(value: unknown): boolean {
  return Array.isArray(value) && value.every(isTurn);
}

function isTurn(value: unknown): boolean {
  const { query, answer } = (value ?? {}) as { query?: unknown; answer?: unknown };
  return typeof query === 'string' && typeof answer === 'string';
}

import type { Tokenizer } from '@lingbi/tokenizer';

/** Tokens that may be of no text, or lose a leading space, before a stop string. */
const SPARE_TOKENS = 8;

/**
 * Whether the text of the tokens has just completed a stop string. Decodes only the tail in which
 * the last token can have completed one: a token of text is at least a byte.
 */
export function endsWithStopString(
  tokenizer: Tokenizer,
  stopStrings: readonly string[],
): (tokens: readonly number[]) => boolean {
  const longest = Math.max(...stopStrings.map((stop) => new TextEncoder().encode(stop).length));
  return (tokens) => {
    const tail = tokenizer.decode(tokens.slice(-(longest + SPARE_TOKENS)));
    return stopStrings.some((stop) => tail.includes(stop));
  };
}

/** @throws TypeError when a stop string is empty, which every text would hold. */
export function requireStopStrings(stopStrings: readonly string[]): void {
  const isText = (stop: unknown) => typeof stop === 'string' && stop !== '';
  if (Array.isArray(stopStrings) && stopStrings.every(isText)) return;
  throw new TypeError(
    `say: stop must be a list of strings that are not empty, but it is ${JSON.stringify(stopStrings)}`,
  );
}

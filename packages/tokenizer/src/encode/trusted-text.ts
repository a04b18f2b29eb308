/**
 * Which spellings in a text stand for the marker itself and not for its characters:
 * `all`: control strings such as `</s>` and user-defined pieces, as the reference's wrapper reads text;
 * `user-defined`: user-defined pieces only, as plain SentencePiece reads text;
 * `none`: no marker, so text from outside cannot forge one. User-defined pieces that are ordinary
 * writing (`——`, `Ｅ`) are still found, or such text would be cut differently from what the model
 * was trained on.
 */
export type ParseSpecial = 'all' | 'user-defined' | 'none';

/** A part of a text and what its markers mean. */
export interface TextSpan {
  readonly text: string;
  readonly parseSpecial: ParseSpecial;
}

/** Spans joined into one string, with the trust of every UTF-16 unit, so that merges cross span borders. */
export interface TrustedText {
  readonly text: string;
  /** One of the `TRUST` numbers for every UTF-16 unit of `text`. */
  readonly trust: Uint8Array;
}

/** Rising order: what a lower number may not forge needs a higher one. */
export const TRUST: Readonly<Record<ParseSpecial, number>> = {
  none: 0,
  'user-defined': 1,
  all: 2,
};

/** Joins spans; a surrogate that is alone after joining becomes U+FFFD, one UTF-16 unit for another. */
export function joinSpans(spans: readonly TextSpan[]): TrustedText {
  const joined = spans.map(({ text }) => text).join('');
  const trust = new Uint8Array(joined.length);
  let start = 0;
  for (const { text, parseSpecial } of spans) {
    trust.fill(trustOf(parseSpecial), start, start + text.length);
    start += text.length;
  }
  return { text: replaceLoneSurrogates(joined), trust };
}

function trustOf(parseSpecial: ParseSpecial): number {
  const trust = TRUST[parseSpecial];
  if (trust !== undefined) return trust;
  throw new TypeError(`parseSpecial is ${parseSpecial}, not none, user-defined or all`);
}

/** The part from `start` up to `end`, in UTF-16 units. */
export function sliceTrusted(
  { text, trust }: TrustedText,
  start: number,
  end: number,
): TrustedText {
  return { text: text.slice(start, end), trust: trust.subarray(start, end) };
}

/** Whether every unit from `start` up to `end` has at least the trust `needed`. */
export function isTrusted(trust: Uint8Array, start: number, end: number, needed: number): boolean {
  for (let unit = start; unit < end; unit++) if (trust[unit]! < needed) return false;
  return true;
}

function replaceLoneSurrogates(text: string): string {
  // With the u flag a surrogate that is half of a pair does not match.
  return text.replace(/\p{Surrogate}/gu, '\uFFFD');
}

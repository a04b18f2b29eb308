import { type Normalizer, SPACE_SYMBOL } from '../model/model.ts';
import { sliceTrusted, type TrustedText } from './trusted-text.ts';

/** What SentencePiece's identity normalizer does to spaces; no other character is touched. */
export function normalize(source: TrustedText, normalizer: Normalizer): TrustedText {
  const kept = normalizer.removeExtraWhitespaces ? removeExtraSpaces(source, normalizer) : source;
  if (kept.text === '') return kept;
  const prefixed = normalizer.addDummyPrefix ? prefixSpace(kept) : kept;
  if (!normalizer.escapeWhitespaces) return prefixed;
  return { text: prefixed.text.replaceAll(' ', SPACE_SYMBOL), trust: prefixed.trust };
}

function prefixSpace({ text, trust }: TrustedText): TrustedText {
  const longer = new Uint8Array(trust.length + 1);
  longer.set(trust, 1);
  longer[0] = trust[0]!;
  return { text: ` ${text}`, trust: longer };
}

/** Strips spaces at both ends and keeps the first of every run. */
function removeExtraSpaces(source: TrustedText, normalizer: Normalizer): TrustedText {
  const kept: number[] = [];
  const { text, trust } = trimSpaces(source, normalizer);
  for (let unit = 0; unit < text.length; unit++) {
    if (text[unit] !== ' ' || text[unit - 1] !== ' ') kept.push(unit);
  }
  return {
    text: text.replace(/ +/g, ' '),
    trust: Uint8Array.from(kept, (unit) => trust[unit]!),
  };
}

/** At the end a written space symbol counts as a space, at the start it does not: as SentencePiece does. */
function trimSpaces(source: TrustedText, { escapeWhitespaces }: Normalizer): TrustedText {
  const { text } = source;
  const isTail = (unit: string) => unit === ' ' || (escapeWhitespaces && unit === SPACE_SYMBOL);
  const start = text.search(/[^ ]|$/);
  let end = text.length;
  while (end > start && isTail(text[end - 1]!)) end--;
  return sliceTrusted(source, start, end);
}

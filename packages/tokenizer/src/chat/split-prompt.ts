import type { TextSpan } from '../encode/trusted-text.ts';
import type { ChatFamily } from './family.ts';

/** The string that spans make when joined. */
export function joinedText(spans: readonly TextSpan[]): string {
  return spans.map(({ text }) => text).join('');
}

/** How many images the joined spans have a place for. */
export function countPlaceholders(spans: readonly TextSpan[], family: ChatFamily): number {
  return joinedText(spans).split(family.imagePlaceholder).length - 1;
}

/** The spans between the placeholders, empty parts included; placeholders are found in the joined text. */
export function splitAtPlaceholders(spans: readonly TextSpan[], family: ChatFamily): TextSpan[][] {
  let start = 0;
  return joinedText(spans)
    .split(family.imagePlaceholder)
    .map((part) => {
      const spansOfPart = sliceSpans(spans, start, start + part.length);
      start += part.length + family.imagePlaceholder.length;
      return spansOfPart;
    });
}

/** What lies from `start` up to `end` of the joined text, in UTF-16 units. */
function sliceSpans(spans: readonly TextSpan[], start: number, end: number): TextSpan[] {
  const slices: TextSpan[] = [];
  let offset = 0;
  for (const { text, parseSpecial } of spans) {
    const slice = text.slice(Math.max(0, start - offset), Math.max(0, end - offset));
    if (slice !== '') slices.push({ text: slice, parseSpecial });
    offset += text.length;
  }
  return slices;
}

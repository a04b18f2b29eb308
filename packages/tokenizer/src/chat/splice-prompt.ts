import type { TextSpan } from '../encode/trusted-text.ts';
import type { Tokenizer } from '../tokenizer.ts';
import type { ChatFamily } from './family.ts';
import type { Prompt, PromptSegment } from './prompt.ts';
import { promptTooLong } from './prompt-too-long.ts';
import { placementWarnings, truncationWarnings } from './prompt-warnings.ts';
import { joinedText, splitAtPlaceholders } from './split-prompt.ts';
import { xcomposer2d5 } from './xcomposer2d5.ts';

/** `throw`: a prompt too long is an error; `truncate`: its head is kept, as in the reference. */
export type OverflowPolicy = 'throw' | 'truncate';

export interface SpliceOptions {
  /** How many positions each image takes. */
  readonly imageTokens: readonly number[];
  /** Positions the prompt may take; default is the family's. */
  readonly maxLength?: number;
  /** Default `throw`. */
  readonly overflow?: OverflowPolicy;
}

/**
 * Splits spans at `<ImageHere>`, tokenizes every part alone and puts the images between them (CHAT §4).
 *
 * `<s>` begins the first part, even an empty one. Placeholders and images are matched in order: those
 * left over are treated as in the reference, and each such case gives a warning.
 *
 * @throws PromptTooLongError when the prompt goes over `maxLength` and `overflow` is `throw`.
 * @throws RangeError when a number of image tokens is not a positive integer.
 */
export function splicePrompt(
  tokenizer: Tokenizer,
  spans: readonly TextSpan[],
  options: SpliceOptions,
  family: ChatFamily = xcomposer2d5,
): Prompt {
  return spliceParts(tokenizer, splitAtPlaceholders(spans, family), options, family);
}

/** As `splicePrompt`, for text that is already split. */
export function spliceParts(
  tokenizer: Tokenizer,
  parts: readonly (readonly TextSpan[])[],
  options: SpliceOptions,
  family: ChatFamily,
): Prompt {
  const { imageTokens, overflow = 'throw', maxLength = family.maxLength } = options;
  checkCounts(imageTokens, maxLength);
  const truncate = isTruncating(overflow);
  const limit = truncate ? maxLength : Number.POSITIVE_INFINITY;
  const segments = layOut(segmentsOf(tokenizer, parts, imageTokens), limit);
  const untruncatedLength = segments.reduce((sum, { length }) => sum + length, 0);
  const length = Math.min(untruncatedLength, maxLength);
  if (length < untruncatedLength && !truncate) throw promptTooLong(segments, maxLength);
  return {
    text: parts.map(joinedText).join(family.imagePlaceholder),
    segments,
    length,
    untruncatedLength,
    imageSpans: imageSpansOf(segments, length),
    warnings: [
      ...placementWarnings(parts.length - 1, imageTokens.length, family),
      ...truncationWarnings(length, untruncatedLength),
    ],
  };
}

function isTruncating(overflow: OverflowPolicy): boolean {
  switch (overflow) {
    case 'throw':
      return false;
    case 'truncate':
      return true;
    default:
      throw new TypeError(`overflow is ${overflow satisfies never}, not throw or truncate`);
  }
}

function checkCounts(imageTokens: readonly number[], maxLength: number): void {
  if (!Number.isInteger(maxLength) || maxLength < 1) {
    throw new RangeError(`maxLength is ${maxLength}; it must be a positive integer`);
  }
  imageTokens.forEach((tokens, image) => {
    if (Number.isInteger(tokens) && tokens > 0) return;
    throw new RangeError(`imageTokens[${image}] is ${tokens}; it must be a positive integer`);
  });
}

type Unplaced<T> = T extends PromptSegment ? Omit<T, 'start'> : never;

/** Text parts and images by turns, one at a time, so that nothing after a full prompt is tokenized. */
function* segmentsOf(
  tokenizer: Tokenizer,
  parts: readonly (readonly TextSpan[])[],
  imageTokens: readonly number[],
): Generator<Unplaced<PromptSegment>> {
  for (const [index, part] of parts.entries()) {
    if (index === 0 || part.length > 0) {
      const ids = tokenizer.encode(part, { addBos: index === 0 });
      yield { type: 'text', text: joinedText(part), ids, length: ids.length };
    }
    const length = imageTokens[index];
    if (length !== undefined) yield { type: 'image', image: index, length };
  }
}

/** Gives segments their places, up to the first one that ends beyond `limit`. */
function layOut(segments: Iterable<Unplaced<PromptSegment>>, limit: number): PromptSegment[] {
  const placed: PromptSegment[] = [];
  let start = 0;
  for (const segment of segments) {
    placed.push({ ...segment, start });
    start += segment.length;
    if (start > limit) break;
  }
  return placed;
}

function imageSpansOf(segments: readonly PromptSegment[], end: number): Prompt['imageSpans'] {
  return segments.flatMap(({ type, start, length }) =>
    type === 'image' && start < end ? [[start, Math.min(length, end - start)] as const] : [],
  );
}

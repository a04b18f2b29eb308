import { PromptTooLongError } from './errors.ts';
import type { PromptSegment } from './prompt.ts';

/** The error for a prompt laid out in full. */
export function promptTooLong(
  segments: readonly PromptSegment[],
  maxLength: number,
): PromptTooLongError {
  const lengths = (type: PromptSegment['type']) =>
    segments.filter((segment) => segment.type === type).map(({ length }) => length);
  const imageTokens = lengths('image');
  const textTokens = lengths('text').reduce((sum, length) => sum + length, 0);
  const length = imageTokens.reduce((sum, tokens) => sum + tokens, textTokens);
  const images = imageTokens.length > 0 ? ` and images of ${imageTokens.join(' + ')}` : '';
  const message =
    `The prompt takes ${length} positions (${textTokens} of text${images}), ` +
    `but maxLength is ${maxLength}. ${remedy(imageTokens.length)}, raise maxLength, ` +
    "or keep only the head with overflow: 'truncate'";
  return new PromptTooLongError(message, { length, maxLength, textTokens, imageTokens });
}

function remedy(images: number): string {
  if (images === 0) return 'Shorten the query or the history';
  return 'Lower hdNum, pass fewer images, shorten the query or the history';
}

import { PromptTooLongError } from './errors.ts';
import type { PromptSegment } from './prompt.ts';

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
    "or keep only its head with overflow: 'truncate'";
  return new PromptTooLongError(message, { length, maxLength, textTokens, imageTokens });
}

function remedy(images: number): string {
  const text = 'horten the query or the history';
  return images > 0 ? `Lower hdNum, pass fewer images, s${text}` : `S${text}`;
}

import type { ChatFamily } from './family.ts';
import type { PromptWarning } from './prompt.ts';

/** What happens in the reference to placeholders and images that do not match (CHAT §4). */
export function placementWarnings(
  placeholders: number,
  images: number,
  { imagePlaceholder }: ChatFamily,
): PromptWarning[] {
  if (placeholders > images) {
    const message = `${placeholders} ${imagePlaceholder} for ${images} images: the last ones were removed`;
    return [{ type: 'placeholders-unused', placeholders, images, message }];
  }
  if (placeholders === images) return [];
  const message = `Image ${placeholders} has no ${imagePlaceholder} and was put after the whole prompt`;
  const dropped = Array.from(
    { length: images - placeholders - 1 },
    (_, index) => placeholders + 1 + index,
  );
  return [{ type: 'image-after-prompt', image: placeholders, message }, ...droppedWarning(dropped)];
}

function droppedWarning(images: readonly number[]): PromptWarning[] {
  if (images.length === 0) return [];
  const message = `Images ${images.join(', ')} have no placeholder and were left out`;
  return [{ type: 'images-dropped', images, message }];
}

/** A truncated prompt always says so. */
export function truncationWarnings(length: number, untruncatedLength: number): PromptWarning[] {
  if (length === untruncatedLength) return [];
  const message =
    `Only the first ${length} of at least ${untruncatedLength} positions were kept; ` +
    'the end of the prompt, where the answer is asked for, is gone';
  return [{ type: 'prompt-truncated', length, untruncatedLength, message }];
}

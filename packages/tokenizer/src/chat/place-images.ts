import type { TextSpan } from '../encode/trusted-text.ts';
import { PlaceholderError } from './errors.ts';
import type { ChatFamily } from './family.ts';
import { promptSpans, type RenderedPrompt, template } from './render-prompt.ts';
import { countPlaceholders } from './split-prompt.ts';
import { xcomposer2d5 } from './xcomposer2d5.ts';

/**
 * Where images go when their number and that of the `<ImageHere>` in the prompt differ:
 * `auto`: without any placeholder one image goes before everything, several go before the query as
 * `Image1 <ImageHere>; Image2 <ImageHere>; `; some but too few placeholders are an error, and
 * placeholders too many vanish with a warning;
 * `strict`: every difference is an error;
 * `compat`: what the reference does, losing images, with warnings.
 */
export type PlaceholderPolicy = 'auto' | 'strict' | 'compat';

/**
 * The spans of a prompt with the placeholders that the policy adds.
 *
 * @throws PlaceholderError when the policy refuses the numbers.
 */
export function placeImages(
  rendered: RenderedPrompt,
  images: number,
  policy: PlaceholderPolicy,
  family: ChatFamily = xcomposer2d5,
): TextSpan[] {
  const spans = promptSpans(rendered);
  const placeholders = countPlaceholders(spans, family);
  switch (policy) {
    case 'strict':
      if (placeholders !== images) refuse(placeholders, images, family);
      return spans;
    case 'compat':
      return placeholders === 0 && images === 1 ? imageFirst(spans, family) : spans;
    case 'auto':
      if (placeholders === 0) return placeAll(rendered, images, family);
      if (placeholders < images) refuse(placeholders, images, family);
      return spans;
    default:
      throw new TypeError(`placeholders is ${policy satisfies never}, not auto, strict or compat`);
  }
}

function placeAll(rendered: RenderedPrompt, images: number, family: ChatFamily): TextSpan[] {
  const spans = promptSpans(rendered);
  if (images === 0) return spans;
  if (images === 1) return imageFirst(spans, family);
  const labels = Array.from({ length: images }, (_, index) =>
    template(family.imageLabel.replace('{number}', String(index + 1))),
  );
  return [...rendered.before, ...labels, rendered.query, ...rendered.after];
}

function imageFirst(spans: readonly TextSpan[], { imagePlaceholder }: ChatFamily): TextSpan[] {
  return [template(imagePlaceholder), ...spans];
}

function refuse(placeholders: number, images: number, { imagePlaceholder }: ChatFamily): never {
  throw new PlaceholderError(
    `Placing images: there are ${images} images and ${placeholders} ${imagePlaceholder} in the prompt, ` +
      `earlier turns included. Write one ${imagePlaceholder} for each image, or none at all with ` +
      "placeholders: 'auto'; placeholders: 'compat' does what the reference does and loses images",
    { placeholders, images },
  );
}

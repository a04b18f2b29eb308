import type { Tokenizer } from '../tokenizer.ts';
import { chatIds } from './chat-ids.ts';
import type { ChatFamily } from './family.ts';
import { type PlaceholderPolicy, placeImages } from './place-images.ts';
import type { Prompt } from './prompt.ts';
import { type ChatText, promptSpans, renderPrompt, template } from './render-prompt.ts';
import {
  type OverflowPolicy,
  type SpliceOptions,
  spliceParts,
  splicePrompt,
} from './splice-prompt.ts';
import { joinedText } from './split-prompt.ts';
import { xcomposer2d5 } from './xcomposer2d5.ts';

export interface PromptRequest extends ChatText {
  /** How many positions each image takes, for the images of all turns in order; default none. */
  readonly imageTokens?: readonly number[];
  /** Default `auto`. */
  readonly placeholders?: PlaceholderPolicy;
  /** Default `throw`. */
  readonly overflow?: OverflowPolicy;
  /** Positions the prompt may take; default is the family's. */
  readonly maxLength?: number;
  /**
   * Reproduces the reference called with `image = null` instead of an empty list: the prompt begins
   * with `<s>` twice and `<ImageHere>` stays text. Default false.
   */
  readonly nullImage?: boolean;
}

/**
 * From what is said to what is fed: renders the template, places the images and tokenizes (CHAT §2–4).
 *
 * @throws PlaceholderError, PromptTooLongError, MissingMarkerError; RangeError for impossible counts;
 * TypeError for images together with `nullImage`.
 */
export function buildPrompt(
  tokenizer: Tokenizer,
  request: PromptRequest,
  family: ChatFamily = xcomposer2d5,
): Prompt {
  chatIds(tokenizer, family); // without its markers the template would be read as plain text
  return request.nullImage
    ? withoutImages(tokenizer, request, family)
    : withImages(tokenizer, request, family);
}

function withImages(tokenizer: Tokenizer, request: PromptRequest, family: ChatFamily): Prompt {
  const { imageTokens = [], placeholders = 'auto' } = request;
  const rendered = renderPrompt(request, family);
  const spans = placeImages(rendered, imageTokens.length, placeholders, family);
  const prompt = splicePrompt(tokenizer, spans, { imageTokens, ...limits(request) }, family);
  return { ...prompt, text: joinedText(promptSpans(rendered)) };
}

function withoutImages(tokenizer: Tokenizer, request: PromptRequest, family: ChatFamily): Prompt {
  if (request.imageTokens?.length) {
    throw new TypeError(
      `Building a prompt: there are ${request.imageTokens.length} images, ` +
        'which nullImage leaves no place for; remove one of the two',
    );
  }
  const spans = [template(family.begin), ...promptSpans(renderPrompt(request, family))];
  return spliceParts(tokenizer, [spans], { imageTokens: [], ...limits(request) }, family);
}

function limits({ overflow, maxLength }: PromptRequest): Omit<SpliceOptions, 'imageTokens'> {
  return {
    ...(overflow === undefined ? {} : { overflow }),
    ...(maxLength === undefined ? {} : { maxLength }),
  };
}

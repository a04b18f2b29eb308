import type { Prompt, PromptChunk } from '@lingbi/core';
import {
  buildPrompt,
  type OverflowPolicy,
  type ParseSpecial,
  type PlaceholderPolicy,
  type PromptRequest,
  type Tokenizer,
  type Prompt as WrittenPrompt,
} from '@lingbi/tokenizer';
import type { TiledPicture } from '@lingbi/vision';
import type { AnswerWarning } from './events.ts';

/** How a prompt is put together; the defaults are safe, the alternatives follow the reference. */
export interface PromptOptions {
  /** What becomes of pictures without a place in the text, and the reverse. Default `auto`. */
  readonly placeholders?: PlaceholderPolicy;
  /** What becomes of a prompt over `maxLength`. Default `throw`. */
  readonly overflow?: OverflowPolicy;
  /** Positions a prompt may take. Default 16384, as the reference allows. */
  readonly maxLength?: number;
  /** Whether markers in what the user wrote act as markers. Default `none`: they stay text. */
  readonly parseSpecial?: ParseSpecial;
  /**
   * The reference's path for `image = null`: the prompt begins with `<s>` twice, and penalties count its
   * text (`penaltyScope`).
   */
  readonly nullImage?: boolean;
}

export interface PreparedPrompt {
  /** What the model reads. */
  readonly chunks: Prompt;
  /** The same as text and places, for reports. */
  readonly written: WrittenPrompt;
  readonly warnings: readonly AnswerWarning[];
}

/** Renders, tokenizes and places the pictures: everything before the model. */
export function preparePrompt(
  tokenizer: Tokenizer,
  pictures: readonly TiledPicture[],
  request: Omit<PromptRequest, 'imageTokens'>,
): PreparedPrompt {
  const imageTokens = pictures.map(({ plan }) => plan.tokens);
  const counted = request.nullImage ? {} : { imageTokens };
  const written = buildPrompt(tokenizer, { ...request, ...counted });
  return { chunks: chunksOf(written, pictures), written, warnings: written.warnings };
}

/** The prompt's segments up to its length: a truncated one may end in the middle of a picture. */
export function chunksOf(
  { segments, length }: WrittenPrompt,
  pictures: readonly TiledPicture[],
): Prompt {
  return segments.flatMap((segment): PromptChunk[] => {
    const kept = Math.min(segment.length, length - segment.start);
    if (kept <= 0) return [];
    if (segment.type === 'text') return [{ type: 'text', ids: segment.ids.subarray(0, kept) }];
    return [{ type: 'image', image: pictures[segment.image]!, tokens: kept }];
  });
}

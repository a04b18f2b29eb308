import {
  type PlaceholderPolicy,
  type Prompt,
  placeImages,
  promptSpans,
  type RenderedPrompt,
  renderPrompt,
  splicePrompt,
  type Tokenizer,
} from '@lingbi/tokenizer';
import type { WriteRequest, WriterPrompt } from './writer.ts';

/**
 * What the model is fed for a request: the template, the pictures' places, the beginning of the
 * answer, tokenized as one text (spec CHAT §2–§4).
 *
 * @throws PlaceholderError, PromptTooLongError.
 */
export function writerPrompt(
  tokenizer: Tokenizer,
  request: WriteRequest,
  imageTokens: readonly number[],
): Prompt {
  const { prompt, settings, overflow, placeholders } = request;
  const rendered = render(prompt);
  const spans = placeImages(rendered, imageTokens.length, placeholders ?? policyFor(prompt));
  const maxLength = settings.maxPromptTokens;
  const limits = { maxLength, ...(overflow && { overflow }) };
  const spliced = splicePrompt(tokenizer, spans, { imageTokens, ...limits });
  const text = promptSpans(rendered).map((span) => span.text);
  return { ...spliced, text: text.join('') };
}

/** Where pictures go without a place is known for the chat template only. */
function policyFor({ format }: WriterPrompt): PlaceholderPolicy {
  return format === 'chat' ? 'auto' : 'strict';
}

function render(prompt: WriterPrompt): RenderedPrompt {
  switch (prompt.format) {
    case 'chat': {
      const { before, query, after } = renderPrompt(prompt);
      const start = { text: prompt.answerStart ?? '', parseSpecial: 'none' } as const;
      return { before, query, after: [...after, start] };
    }
    case 'raw':
      return { before: prompt.spans, query: { text: '', parseSpecial: 'none' }, after: [] };
    default:
      throw new TypeError(`A prompt is of format ${prompt satisfies never}, not chat or raw`);
  }
}

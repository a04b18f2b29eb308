import { type GenerationSettings, withSettings } from '../writer/generation-settings.ts';
import { writeText } from '../writer/write-text.ts';
import type { StepListener, Writer } from '../writer/writer.ts';
import { recaptionQuestion } from './caption-prompts.ts';
import { videoCaptionSettings } from './caption-settings.ts';
import { cutCaption } from './cut-caption.ts';

export interface RecaptionOptions {
  /** What differs from `videoCaptionSettings`. */
  readonly settings?: Partial<GenerationSettings>;
  readonly signal?: AbortSignal;
  readonly onEvent?: StepListener<'recaption'>;
}

/** A detailed caption for a brief prompt, as generators of pictures and videos like it. */
export async function recaptionPrompt(
  writer: Writer,
  text: string,
  { settings, signal, onEvent }: RecaptionOptions = {},
): Promise<string> {
  const request = {
    prompt: { format: 'chat', query: recaptionQuestion(text) },
    settings: withSettings(videoCaptionSettings, settings),
    ...(signal && { signal }),
  } as const;
  return cutCaption((await writeText(writer, request, 'recaption', onEvent)).text);
}

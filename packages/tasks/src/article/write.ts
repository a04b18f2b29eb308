import { xcomposer2d5 } from '@lingbi/tokenizer';
import type { PictureSource, Preset } from '@lingbi/vision';
import { requireKnownOptions } from '../known-options.ts';
import { type GenerationSettings, withSettings } from '../writer/generation-settings.ts';
import { deleteTurnMarkers } from '../writer/markers.ts';
import { type WrittenText, writeText } from '../writer/write-text.ts';
import type { StepListener, WriteRequest, Writer } from '../writer/writer.ts';
import { writeSettings } from './settings.ts';

export interface WriteArticleOptions {
  /** What differs from `writeSettings`. */
  readonly settings?: Partial<GenerationSettings>;
  readonly images?: readonly PictureSource[];
  /** How pictures become tiles. Default: as in `chat()`. */
  readonly tiling?: Preset;
  /** A system text, or `true` for the one that articles were trained with. Default: none. */
  readonly meta?: string | boolean;
  /** What becomes of a prompt that is too long. Default `throw`. */
  readonly overflow?: WriteRequest['overflow'];
  readonly signal?: AbortSignal;
  readonly onEvent?: StepListener<'article'>;
}

const known = ['settings', 'images', 'tiling', 'meta', 'overflow', 'signal', 'onEvent'];

/**
 * An article, blog or essay as one text, from an instruction that goes to the model as it is (spec
 * RECIPES §1, `write_artical`). For pictures chosen and placed by the model see `compose`.
 *
 * @throws NoRoomForAnswerError for an instruction of 8192 tokens; what the writer throws.
 */
export async function write(
  writer: Writer,
  instruction: string,
  options: WriteArticleOptions = {},
): Promise<WrittenText> {
  requireKnownOptions('article.write', options, known);
  const { settings, images, tiling, meta, overflow, signal, onEvent } = options;
  const request: WriteRequest = {
    prompt: { format: 'chat', query: instruction, meta: metaText(meta) },
    adapter: 'write',
    settings: withSettings(writeSettings, settings),
    ...(images && { images }),
    ...(tiling && { tiling }),
    ...(overflow && { overflow }),
    ...(signal && { signal }),
  };
  const written = await writeText(writer, request, 'article', onEvent);
  return { ...written, text: deleteTurnMarkers(written.text) };
}

/** The system text of articles, or one's own. */
export function metaText(meta: string | boolean | undefined): string {
  if (typeof meta === 'string') return meta;
  return meta ? xcomposer2d5.metaTexts.write : '';
}

import { createHash } from 'node:crypto';
import { PictureError, type PictureSource, type Preset } from '@lingbi/vision';
import { requireKnownOptions } from '../known-options.ts';
import { type GenerationSettings, seededFor, withSettings } from '../writer/generation-settings.ts';
import { deleteTurnMarkers } from '../writer/markers.ts';
import { writeText } from '../writer/write-text.ts';
import type { WriteRequest, Writer } from '../writer/writer.ts';
import { type CaptionLine, openCaptionLog } from './caption-log.ts';
import { imageCaptionPrompt } from './caption-prompts.ts';
import { imageCaptionSettings } from './caption-settings.ts';

/** A picture and what it is called in the file; a path is its own name. */
export type NamedPicture = string | { readonly name: string; readonly picture: PictureSource };

export interface CaptionImagesOptions {
  /** Where the lines go; an earlier run of the same is gone on with. */
  readonly file: string;
  /** Default: ShareCaptioner's. */
  readonly prompt?: string;
  /** What differs from `imageCaptionSettings`. With a seed every picture has its own. */
  readonly settings?: Partial<GenerationSettings>;
  /** How pictures become tiles. Default: as in `chat()`. */
  readonly tiling?: Preset;
  readonly signal?: AbortSignal;
}

/**
 * Captions pictures one by one, and yields each line as soon as it is in the file: JSON with `image`
 * and `caption`, or `error` for a picture that cannot be read, which stops nothing.
 *
 * After a crash the next run yields what is there already and goes on; with a seed, or greedily, the
 * file ends with the bytes it would have had.
 *
 * @throws CaptionLogError when the file belongs to another run; what the writer throws that is not
 *   about a picture.
 */
export async function* captionImages(
  writer: Writer,
  images: readonly NamedPicture[],
  options: CaptionImagesOptions,
): AsyncGenerator<CaptionLine> {
  requireKnownOptions('captionImages', options, [
    ...['file', 'prompt', 'settings', 'tiling', 'signal'],
  ]);
  const { file, prompt = imageCaptionPrompt, tiling, signal } = options;
  const settings = withSettings(imageCaptionSettings, options.settings);
  const run = runKey([prompt, settings, tiling ?? null]);
  await using log = await openCaptionLog(file, run, images.map(nameOf));
  yield* log.done;
  for (const [index, image] of [...images.entries()].slice(log.done.length)) {
    signal?.throwIfAborted();
    const request: WriteRequest = {
      prompt: { format: 'chat', query: prompt },
      images: [typeof image === 'string' ? image : image.picture],
      settings: seededFor(settings, index),
      ...(tiling && { tiling }),
      ...(signal && { signal }),
    };
    const line = { image: nameOf(image), run, ...(await caption(writer, request)) };
    await log.append(line);
    yield line;
  }
}

/** Whatever is wrong with one picture is told in its line; anything else concerns all. */
async function caption(
  writer: Writer,
  request: WriteRequest,
): Promise<Omit<CaptionLine, 'image' | 'run'>> {
  try {
    const { text, warnings } = await writeText(writer, request, 'caption');
    const caption = deleteTurnMarkers(text).trim();
    return { caption, ...(warnings.length > 0 && { warnings }) };
  } catch (error) {
    if (error instanceof PictureError) return { error: error.message };
    throw error;
  }
}

function nameOf(image: NamedPicture): string {
  return typeof image === 'string' ? image : image.name;
}

function runKey(parts: unknown): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 8);
}

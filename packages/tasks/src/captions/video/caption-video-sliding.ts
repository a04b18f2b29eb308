import type { Picture, PictureSource, Preset } from '@lingbi/vision';
import { requireKnownOptions } from '../../known-options.ts';
import { type GenerationSettings, withSettings } from '../../writer/generation-settings.ts';
import { writeText } from '../../writer/write-text.ts';
import type { StepListener, Writer } from '../../writer/writer.ts';
import { videoSlidingPrompts } from '../caption-prompts.ts';
import { videoCaptionSettings, videoTiling } from '../caption-settings.ts';
import { cutCaption } from '../cut-caption.ts';
import { paste, whiteCanvas } from './canvas.ts';
import { asPixels } from './pixels.ts';
import { atLeastOne, SECONDS_BETWEEN_FRAMES, type VideoFrames } from './video-frames.ts';

export interface CaptionVideoSlidingOptions {
  /** Between frames; the times that the model is told follow from it. Default 2. */
  readonly seconds?: number;
  /**
   * Shows each frame above the next one, as published (default). `false` shows the next one alone,
   * counts frames from 1 and summarises without a heading, as the published batch program does.
   */
  readonly stacked?: boolean;
  /** What differs from `videoCaptionSettings`. */
  readonly settings?: Partial<GenerationSettings>;
  /** How frames become tiles. Default: 9 of them. */
  readonly tiling?: Preset;
  readonly signal?: AbortSignal;
  readonly onEvent?: StepListener<'caption'>;
}

/** In order: the caption of the first frame, what happens up to each later one, and the summary. */
export type SlidingCaption =
  | {
      readonly type: 'frame-caption';
      readonly frame: number;
      readonly seconds: number;
      readonly caption: string;
    }
  | { readonly type: 'summary'; readonly caption: string; readonly frames: number };

/**
 * Describes a video frame by frame, each time with what came just before, then sums it up (spec
 * SIDE_PROJECTS §4.2). Two frames are held at a time, however long the video.
 *
 * @throws NoFramesError; what the writer and the frames throw.
 */
export async function* captionVideoSliding(
  writer: Writer,
  video: VideoFrames,
  options: CaptionVideoSlidingOptions = {},
): AsyncGenerator<SlidingCaption> {
  requireKnownOptions('captionVideoSliding', options, [
    ...['seconds', 'stacked', 'settings', 'tiling', 'signal', 'onEvent'],
  ]);
  const { seconds: spacing = SECONDS_BETWEEN_FRAMES, stacked = true, signal } = options;
  const captions: string[] = [];
  let previous: Picture | undefined;
  for await (const frame of atLeastOne(video.every(spacing, signal))) {
    const index = captions.length;
    const image = previous && stacked ? stackFrames(previous, frame) : frame;
    const query = frameQuestion(index, spacing, stacked, captions.at(-1));
    const caption = await ask(writer, query, options, [asPixels(image)]);
    captions.push(caption);
    previous = frame;
    yield { type: 'frame-caption', frame: index, seconds: index * spacing, caption };
  }
  const caption = await ask(writer, summaryQuestion(captions, spacing, stacked), options);
  yield { type: 'summary', caption, frames: captions.length };
}

function frameQuestion(
  frame: number,
  spacing: number,
  stacked: boolean,
  before: string | undefined,
): string {
  if (before === undefined) return videoSlidingPrompts.first;
  const first = stacked ? frame - 1 : frame;
  const at = (number: number) => [number, number * spacing] as const;
  return videoSlidingPrompts.pair(at(first), at(first + 1), before);
}

function summaryQuestion(captions: readonly string[], spacing: number, stacked: boolean): string {
  const lines = captions.map((caption, k) =>
    videoSlidingPrompts.summaryLine(k + 1, k * spacing, caption),
  );
  return (stacked ? videoSlidingPrompts.summaryHead : '') + lines.join('');
}

/** Room between two stacked frames, in pixels. */
const GAP = 50;

/** One frame above the next, on a canvas made for two of the first. */
export function stackFrames(above: Picture, below: Picture): Picture {
  const canvas = whiteCanvas({ width: above.width, height: 2 * above.height + GAP });
  paste(canvas, above, 0, 0);
  paste(canvas, below, 0, above.height + GAP);
  return canvas;
}

async function ask(
  writer: Writer,
  query: string,
  { settings, tiling = videoTiling.sliding, signal, onEvent }: CaptionVideoSlidingOptions,
  images: readonly PictureSource[] = [],
): Promise<string> {
  const request = {
    prompt: { format: 'chat', query },
    settings: withSettings(videoCaptionSettings, settings),
    ...(images.length > 0 && { images, tiling }),
    ...(signal && { signal }),
  } as const;
  return cutCaption((await writeText(writer, request, 'caption', onEvent)).text);
}

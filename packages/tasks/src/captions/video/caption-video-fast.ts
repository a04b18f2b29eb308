import type { Picture, Preset } from '@lingbi/vision';
import { requireKnownOptions } from '../../known-options.ts';
import { type GenerationSettings, withSettings } from '../../writer/generation-settings.ts';
import { writeText } from '../../writer/write-text.ts';
import type { StepListener, Writer } from '../../writer/writer.ts';
import { videoFastPrompt } from '../caption-prompts.ts';
import { videoCaptionSettings, videoTiling } from '../caption-settings.ts';
import { cutCaption } from '../cut-caption.ts';
import { type DrawLabel, paintFastStrip } from './fast-strip.ts';
import { asPixels } from './pixels.ts';
import { atLeastOne, SECONDS_BETWEEN_FRAMES, type VideoFrames } from './video-frames.ts';

export interface CaptionVideoFastOptions {
  /** Between frames. Default 2. */
  readonly seconds?: number;
  /** Writes `<IMAGE 0>` … beside the frames. Without it their room stays white, with a warning. */
  readonly drawLabel?: DrawLabel;
  /** What differs from `videoCaptionSettings`. */
  readonly settings?: Partial<GenerationSettings>;
  /** How the strip becomes tiles. Default: 16 of them. */
  readonly tiling?: Preset;
  readonly signal?: AbortSignal;
  readonly onEvent?: StepListener<'caption'>;
}

export interface VideoCaption {
  readonly caption: string;
  readonly warnings: readonly string[];
}

/** A video's caption from one look at a strip of its frames (spec SIDE_PROJECTS §4.3). */
export async function captionVideoFast(
  writer: Writer,
  video: VideoFrames,
  options: CaptionVideoFastOptions = {},
): Promise<VideoCaption> {
  requireKnownOptions('captionVideoFast', options, [
    ...['seconds', 'drawLabel', 'settings', 'tiling', 'signal', 'onEvent'],
  ]);
  const { seconds = SECONDS_BETWEEN_FRAMES, tiling = videoTiling.fast, signal } = options;
  const frames: Picture[] = [];
  for await (const frame of atLeastOne(video.every(seconds, signal))) frames.push(frame);
  const strip = paintFastStrip(frames, options.drawLabel);
  const request = {
    prompt: { format: 'chat', query: videoFastPrompt },
    images: [asPixels(strip)],
    tiling,
    settings: withSettings(videoCaptionSettings, options.settings),
    ...(signal && { signal }),
  } as const;
  const { text, warnings } = await writeText(writer, request, 'caption', options.onEvent);
  const unlabelled = 'The frames have no labels; give drawLabel to write them as in training';
  return {
    caption: cutCaption(text),
    warnings: options.drawLabel ? warnings : [unlabelled, ...warnings],
  };
}

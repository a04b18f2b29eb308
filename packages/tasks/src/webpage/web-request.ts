import type { PictureSource, Preset } from '@lingbi/vision';
import type { GenerationSettings } from '../writer/generation-settings.ts';
import { withSettings } from '../writer/generation-settings.ts';
import type { StepListener, WriteRequest } from '../writer/writer.ts';
import { webSettings } from './settings.ts';
import type { FinishOptions } from './web-page.ts';

/** What every web recipe takes. */
export interface WebPageOptions extends FinishOptions {
  /** What differs from `webSettings`. */
  readonly settings?: Partial<GenerationSettings>;
  /** Pictures for the model to see. */
  readonly images?: readonly PictureSource[];
  /** How pictures become tiles. Default: as in `chat()`. */
  readonly tiling?: Preset;
  /** What becomes of a prompt that is too long. Default `throw`. */
  readonly overflow?: WriteRequest['overflow'];
  readonly signal?: AbortSignal;
  /** Told what happens, step by step. */
  readonly onEvent?: StepListener<WebStep>;
}

/** `page` is the page, `events` the second pass of a résumé's page. */
export type WebStep = 'page' | 'events';

export const webPageOptions: readonly string[] = [
  ...['settings', 'images', 'tiling', 'overflow', 'signal', 'onEvent'],
  ...['pictures', 'complete'],
];

/** One turn without a system text, for the web adapter (spec RECIPES §1). */
export function webRequest(query: string, options: WebPageOptions): WriteRequest {
  const { settings, images, tiling, overflow, signal } = options;
  return {
    prompt: { format: 'chat', query },
    adapter: 'web',
    settings: withSettings(webSettings, settings),
    ...(images && { images }),
    ...(tiling && { tiling }),
    ...(overflow && { overflow }),
    ...(signal && { signal }),
  };
}

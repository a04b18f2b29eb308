import type { PictureSource } from '@lingbi/vision';
import { requireKnownOptions } from '../known-options.ts';
import type { Writer } from '../writer/writer.ts';
import { onePass } from './from-instruction.ts';
import { webLabels, webPrompts } from './prompts.ts';
import type { WebPage } from './web-page.ts';
import { type WebPageOptions, webPageOptions } from './web-request.ts';

/**
 * The page that screenshots show. Several get labels before the question; the reference would show
 * the model only the first, in the wrong place (spec RECIPES §3.2).
 *
 * @throws TypeError without a screenshot; what the writer throws.
 */
export async function fromScreenshot(
  writer: Writer,
  screenshots: PictureSource | readonly PictureSource[],
  options: Omit<WebPageOptions, 'images'> = {},
): Promise<WebPage> {
  const known = webPageOptions.filter((name) => name !== 'images');
  requireKnownOptions('webpage.fromScreenshot', options, known);
  const images = Array.isArray(screenshots) ? screenshots : [screenshots];
  if (images.length === 0) {
    throw new TypeError('webpage.fromScreenshot: there is no screenshot; give at least one');
  }
  return onePass(writer, webPrompts.screenshot, webLabels.screenshot, { ...options, images });
}

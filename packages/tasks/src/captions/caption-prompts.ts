/** What captioners ask, misspellings included: models were trained with them (spec SIDE_PROJECTS). */

/** ShareCaptioner (§2). */
export const imageCaptionPrompt = 'Analyze the image in a comprehensive and detailed manner.';

/** ShareCaptioner-Video: fast captioning (§4.3). */
export const videoFastPrompt =
  'Here are a few key frames of a video, discribe this video in detail.';

/** ShareCaptioner-Video: sliding captioning (§4.2). Times have two decimals. */
export const videoSlidingPrompts = {
  first: 'This is the first frame of a video, describe it in detail.',
  pair: (
    [frame, seconds]: readonly [frame: number, seconds: number],
    [next, nextSeconds]: readonly [frame: number, seconds: number],
    before: string,
  ): string =>
    `Here are the Video frame ${frame} at ${seconds.toFixed(2)} Second(s) and Video frame ${next} at ${nextSeconds.toFixed(2)} Second(s) of a video, describe what happend between them. What happend before is: ${before}`,
  summaryHead: 'Summarize the following per frame descriptions:\n',
  summaryLine: (frame: number, seconds: number, caption: string): string =>
    `Video frame ${frame} at ${seconds.toFixed(2)} Second(s) description: ${caption}\n`,
} as const;

/** A brief prompt for a generator, made detailed (§4.4). */
export function recaptionQuestion(text: string): string {
  return `Translate this brief generation prompt into a detailed caption: ${text}`;
}

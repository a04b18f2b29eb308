import type { GenerationSettings } from '../writer/generation-settings.ts';
import { turnStop } from '../writer/generation-settings.ts';

/**
 * The web recipes (spec RECIPES §2): two beams that sample, and a penalty of 3 that was tuned for
 * them. Without beams take `webSettingsWithoutBeams`: under such a penalty one beam rarely ends.
 */
export const webSettings: GenerationSettings = {
  limit: { newTokens: 4800 },
  beams: 2,
  sampling: { temperature: 1, topP: 1, topK: 50 },
  repetitionPenalty: 3,
  lengthPenalty: 1,
  stop: turnStop,
  maxPromptTokens: 16_384,
};

/** For engines without beams: no penalty, and an end before the page wanders (spec RECIPES §2). */
export const webSettingsWithoutBeams: GenerationSettings = {
  ...webSettings,
  beams: 1,
  repetitionPenalty: 1,
  limit: { newTokens: 2048 },
};

/**
 * To the letter: only `</s>` ends a page. After the mark that closes the turn the reference goes on
 * and deletes the mark from what comes out, so what follows it is garbage within the page.
 */
export const webSettingsOfTheReference: GenerationSettings = { ...webSettings, stop: ['</s>'] };

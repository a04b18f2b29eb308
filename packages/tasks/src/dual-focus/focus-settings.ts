import { chatSettings, type GenerationSettings } from '../writer/generation-settings.ts';

/** Greedy and brief (spec SIDE_PROJECTS §8). */
export const dualFocusSettings: GenerationSettings = {
  ...chatSettings,
  limit: { newTokens: 128 },
  sampling: 'greedy',
  repetitionPenalty: 1,
};

import { type GenerationSettings, turnStop } from '../writer/generation-settings.ts';

/** An article in one piece: prompt and article share 8192 tokens (spec RECIPES §2, `write_artical`). */
export const writeSettings: GenerationSettings = {
  limit: { totalTokens: 8192 },
  beams: 1,
  sampling: { temperature: 1, topP: 0.8, topK: 40 },
  repetitionPenalty: 1.005,
  lengthPenalty: 1,
  stop: turnStop,
  maxPromptTokens: 8192,
};

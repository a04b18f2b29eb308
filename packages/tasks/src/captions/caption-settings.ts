import { type HdPreset, presets } from '@lingbi/vision';
import { chatSettings, type GenerationSettings } from '../writer/generation-settings.ts';

/** ShareCaptioner: three beams that sample (spec SIDE_PROJECTS §2). */
export const imageCaptionSettings: GenerationSettings = {
  ...chatSettings,
  limit: { newTokens: 500 },
  beams: 3,
  sampling: { temperature: 1, topP: 1, topK: 50 },
  repetitionPenalty: 1.5,
};

/** ShareCaptioner-Video: three beams, greedily (spec SIDE_PROJECTS §4.1). */
export const videoCaptionSettings: GenerationSettings = {
  ...chatSettings,
  limit: { newTokens: 2048 },
  beams: 3,
  sampling: 'greedy',
  repetitionPenalty: 1,
};

/** Frames, as many tiles as this; the size of a tile is the checkpoint's (spec SIDE_PROJECTS §4.1). */
export const videoTiling: Readonly<Record<'fast' | 'sliding', HdPreset>> = {
  fast: { ...presets.fourKhd, hdNum: 16 },
  sliding: { ...presets.fourKhd, hdNum: 9 },
};

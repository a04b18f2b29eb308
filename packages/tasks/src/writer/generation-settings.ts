import { requireKnownOptions } from '../known-options.ts';

/** How tokens are drawn. */
export interface Sampling {
  readonly temperature: number;
  readonly topP: number;
  readonly topK: number;
}

/** What bounds an answer: its own tokens, or those of prompt and answer together. */
export type AnswerLimit = { readonly newTokens: number } | { readonly totalTokens: number };

/**
 * How an answer is generated: plain data. What a writer cannot honour it must refuse or warn about
 * (`UnsupportedSettingError`), never ignore.
 */
export interface GenerationSettings {
  readonly limit: AnswerLimit;
  /** Answers searched side by side; 1 is no search. */
  readonly beams: number;
  /** `'greedy'` takes the likeliest token; with beams, the likeliest continuations. */
  readonly sampling: Sampling | 'greedy';
  /** Ids that have come become less likely to come again. 1 changes nothing. */
  readonly repetitionPenalty: number;
  /**
   * Whose ids those are: of the answer, or of the prompt's text as well. Default: as the reference does,
   * which counts the prompt where it goes on with a text (`answerStart`) and shows no pictures.
   */
  readonly penaltyScope?: 'answer' | 'prompt-and-answer';
  /** Scores of finished beams are divided by length^this; without beams it means nothing. */
  readonly lengthPenalty: number;
  /** Pieces of the vocabulary that end the answer. */
  readonly stop: readonly string[];
  /** Positions that the prompt may take. */
  readonly maxPromptTokens: number;
  /** The same seed gives the same answer on the same engine; nothing is promised between engines. */
  readonly seed?: number;
}

/** Ids 2 and 92542 of the 2.x models (spec CHAT §1). */
export const turnStop: readonly string[] = ['</s>', '[UNUSED_TOKEN_145]'];

/** `chat()` of InternLM-XComposer-2.5; recipes state what they do otherwise (spec CHAT §6.5). */
export const chatSettings: GenerationSettings = {
  limit: { newTokens: 1024 },
  beams: 1,
  sampling: { temperature: 1, topP: 0.8, topK: 50 },
  repetitionPenalty: 1.005,
  lengthPenalty: 1,
  stop: turnStop,
  maxPromptTokens: 16_384,
};

const settingNames: readonly (keyof GenerationSettings)[] = [
  ...(['limit', 'beams', 'sampling', 'repetitionPenalty', 'lengthPenalty'] as const),
  ...(['stop', 'maxPromptTokens', 'seed', 'penaltyScope'] as const),
];

/**
 * The settings with what the caller wants otherwise.
 *
 * @throws TypeError for one that does not exist.
 */
export function withSettings(
  settings: GenerationSettings,
  changes: Partial<GenerationSettings> = {},
): GenerationSettings {
  requireKnownOptions('settings', changes, settingNames);
  return { ...settings, ...changes };
}

/**
 * The settings with a seed of its own for the `index`th of several answers, so that each can be made
 * again without those before it. Without a seed they stay as they are.
 */
export function seededFor(settings: GenerationSettings, index: number): GenerationSettings {
  return settings.seed === undefined ? settings : { ...settings, seed: settings.seed + index };
}

import { presets } from '@lingbi/vision';
import type { GenerationSettings } from '../../writer/generation-settings.ts';
import { captionBeforeFirstQuote } from '../caption.ts';
import type { ArticlePrompts } from './article-prompts.ts';
import { captionQuestion, captionStart } from './texts.ts';
import { xcomposer2d5Prompts } from './xcomposer2d5.ts';

const { settings } = xcomposer2d5Prompts;

const read = (step: GenerationSettings): GenerationSettings => ({ ...step, maxPromptTokens: 4096 });

/** The composition demo of InternLM-XComposer2-7B: as 2.5 but for this (spec RECIPES §5). */
export const xcomposer2Prompts: ArticlePrompts = {
  name: 'xcomposer2',
  settings: {
    article: { ...read(settings.article), limit: { newTokens: 4096 } },
    positions: read(settings.positions),
    caption: read(settings.caption),
    choice: read(settings.choice),
  },
  tiling: presets.square224,
  article: xcomposer2d5Prompts.article,
  positions: xcomposer2d5Prompts.positions,
  caption: (sections, section, past) => ({
    format: 'chat',
    query: captionQuestion(sections, section, past),
    answerStart: captionStart,
  }),
  readCaption: captionBeforeFirstQuote,
  choice: xcomposer2d5Prompts.choice,
};

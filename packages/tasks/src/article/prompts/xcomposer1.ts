import type { TextSpan } from '@lingbi/tokenizer';
import { presets } from '@lingbi/vision';
import type { GenerationSettings } from '../../writer/generation-settings.ts';
import type { RawPrompt } from '../../writer/writer.ts';
import { captionBeforeFirstQuote } from '../caption.ts';
import type { ArticlePrompts } from './article-prompts.ts';
import {
  captionQuestion,
  captionStart,
  choiceCandidates,
  choiceContext,
  choiceStart,
  positionsQuestion,
  positionsStart,
} from './texts.ts';

/**
 * Beams without sampling (spec RECIPES §6). The demo's `max_length` counts what is generated: prompts
 * go in as embeddings, which have no ids to count.
 */
const greedy = (
  newTokens: number,
  beams: number,
  repetitionPenalty: number,
): GenerationSettings => ({
  limit: { newTokens },
  beams,
  sampling: 'greedy',
  repetitionPenalty,
  lengthPenalty: 1,
  // Ids 103027 and 103028.
  stop: ['<TOKENS_UNUSED_0>', '<TOKENS_UNUSED_1>'],
  maxPromptTokens: 1680,
});

/** What the model was trained with; markers in it are markers. */
const written = (text: string): TextSpan => ({ text, parseSpecial: 'all' });
/** What somebody else wrote; markers in it are text. */
const given = (text: string): TextSpan => ({ text, parseSpecial: 'none' });
const raw = (...spans: TextSpan[]): RawPrompt => ({ format: 'raw', spans });

/** The demo of InternLM-XComposer-7B, whose template is its own (spec RECIPES §6). */
export const xcomposer1Prompts: ArticlePrompts = {
  name: 'xcomposer1',
  settings: {
    article: greedy(1000, 5, 5),
    positions: greedy(300, 5, 1),
    caption: greedy(100, 1, 5),
    choice: greedy(10, 5, 1),
  },
  tiling: presets.square224,
  /** From a title; this generation sees no uploads and has no system text here. */
  article: (title) =>
    raw(
      written(' <|User|>:根据给定标题写一个图文并茂，不重复的文章：'),
      given(title),
      written('\n<TOKENS_UNUSED_0> <|Bot|>:'),
    ),
  positions: (sections, _, count) =>
    raw(
      written(' <|User|>:'),
      given(positionsQuestion(sections, count)),
      written(` \n<TOKENS_UNUSED_0> <|Bot|>:${positionsStart}`),
    ),
  caption: (sections, section, past) =>
    raw(
      written(' <|User|>: '),
      given(captionQuestion(sections, section, past)),
      written(` \n<TOKENS_UNUSED_0> <|Bot|>: ${captionStart}`),
    ),
  readCaption: captionBeforeFirstQuote,
  choice: (contexts, candidates) =>
    raw(
      written('  <|User|>:'),
      given(`${choiceContext(contexts)}\n\n${choiceCandidates(candidates)}`),
      // The doubled marker is what the demo's alignment makes of it.
      written(`\n\n<TOKENS_UNUSED_0> <TOKENS_UNUSED_0> <|Bot|>:${choiceStart}`),
    ),
};

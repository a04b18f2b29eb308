import { presets } from '@lingbi/vision';
import { chatSettings, type GenerationSettings } from '../../writer/generation-settings.ts';
import { imageHere } from '../../writer/markers.ts';
import { captionBeforeLastQuote } from '../caption.ts';
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

/** The composition demo of InternLM-XComposer-2.5 (spec RECIPES §4). */
export const demoSettings: GenerationSettings = {
  ...chatSettings,
  sampling: { temperature: 1, topP: 0.8, topK: 40 },
  limit: { newTokens: 8192 },
};

const short = (newTokens: number): GenerationSettings => ({
  ...demoSettings,
  limit: { newTokens },
});

/** What the one-shot prompt for captions tells the model to do. */
const captionMeta =
  '请严格按照示例的<input> <output>格式，根据给定的文章，给出适合在某一段后插入的图像对应的标题。';

/** Its example. */
const captionExample = `<input>
给定文章"<Seg0> 大多数的车友们在选车、购车时都会格外关注续航
<Seg1> 甚至还有要求电动滑板车跑一百公里的
<Seg2> 但这真的是你所需要的吗?
<Seg3> 据报告，一线城市上班族通勤半径均在10公里以内
<Seg4> 所以大多数通勤出行RND的续航完全可以满足
<Seg5> 可能会有人说，续航短导致一天一充或两充很麻烦
" 给出适合在<Seg4>后插入的图像对应的标题。</input>
<output>
标题是"一个人正站在充电桩前给电动滑板车充电，面容看上去有些疲惫"</output>
`;

/** InternLM-XComposer-2.5. */
export const xcomposer2d5Prompts: ArticlePrompts = {
  name: 'xcomposer2d5',
  settings: {
    article: demoSettings,
    positions: short(200),
    caption: short(200),
    choice: short(10),
  },
  adapter: 'write',
  tiling: presets.finetune,
  article: (instruction, uploads, meta) => ({
    format: 'chat',
    meta,
    query: Array(uploads).fill(imageHere).join(' ') + instruction,
  }),
  positions: (sections, uploads, count) => ({
    format: 'chat',
    query: `${imageHere} `.repeat(uploads) + positionsQuestion(sections, count),
    answerStart: positionsStart,
  }),
  caption: (sections, section, past) => ({
    format: 'chat',
    meta: captionMeta,
    query: `${captionExample}<input>\n${captionQuestion(sections, section, past)}</input><output>`,
    answerStart: captionStart,
  }),
  readCaption: captionBeforeLastQuote,
  choice: (contexts, candidates) => ({
    format: 'chat',
    query: choiceContext(contexts) + choiceCandidates(candidates),
    answerStart: choiceStart,
  }),
};

import type { ChatFamily } from './family.ts';

// The dot in the name is U+00B7. (CHAT §2.1)
const INTRODUCTION = 'You are an AI assistant whose name is InternLM-XComposer (浦语·灵笔).';
const MAKER =
  'is developed by Shanghai AI Laboratory (上海人工智能实验室). ' +
  'It is designed to be helpful, honest, and harmless.';
const LANGUAGES =
  '- InternLM-XComposer (浦语·灵笔) can understand and communicate fluently in the language ' +
  'chosen by the user such as English and 中文.';

/** InternLM-XComposer-2.5 (CHAT §1–§5). */
export const xcomposer2d5: ChatFamily = {
  name: 'xcomposer2d5',
  turnStart: '[UNUSED_TOKEN_146]',
  turnEnd: '[UNUSED_TOKEN_145]',
  // InternLM2 calls the same id <|im_end|>; this family only ever reads that spelling.
  turnEndSpellings: ['[UNUSED_TOKEN_145]', '<|im_end|>'],
  roles: { system: 'system', user: 'user', assistant: 'assistant' },
  begin: '<s>',
  end: '</s>',
  imagePlaceholder: '<ImageHere>',
  imageLabel: 'Image{number} <ImageHere>; ',
  maxLength: 16_384,
  metaTexts: {
    // No line feed at the end of the first, one at the end of the second: as published.
    chat: [
      INTRODUCTION,
      `- InternLM-XComposer (浦语·灵笔) is a multi-modality conversational language model that ${MAKER}`,
      LANGUAGES,
      '- InternLM-XComposer (浦语·灵笔) is capable of comprehending and articulating responses ' +
        'effectively based on the provided image.',
    ].join('\n'),
    write: [
      INTRODUCTION,
      `- InternLM-XComposer (浦语·灵笔) is a conversational language model that ${MAKER}`,
      LANGUAGES,
      '',
    ].join('\n'),
  },
};

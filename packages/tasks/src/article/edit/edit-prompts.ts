import type { GenerationSettings } from '../../writer/generation-settings.ts';
import { withoutPlaces } from '../../writer/markers.ts';
import { demoSettings } from '../prompts/xcomposer2d5.ts';

/** What can be done to a section with the model's help (spec RECIPES §4.6). */
export type TextEdit = 'expand' | 'rewrite' | 'abbreviate' | 'insert-before' | 'insert-after';

/** What an edit is about. */
export interface EditSubject {
  readonly text: string;
  /** What the user wants: material to use, or the outline of a new section. */
  readonly instruction: string;
  readonly previous: string;
  readonly next: string;
}

/** What the model is asked, as the demo asks it. */
export const editPrompts: Readonly<Record<TextEdit, (subject: EditSubject) => string>> = {
  expand: ({ text, instruction }) => `扩写以下段落：${text}\n基于以下素材：${instruction}`,
  rewrite: ({ text, instruction }) => `改写以下段落：${text}\n基于以下素材：${instruction}`,
  abbreviate: ({ text }) => `缩写以下段落：${text}`,
  'insert-before': ({ previous, text, instruction }) => between(previous, text, instruction),
  'insert-after': ({ text, next, instruction }) => between(text, next, instruction),
};

/** Prompt and answer share 500 tokens, and no task adapter acts. */
export const editSettings: GenerationSettings = { ...demoSettings, limit: { totalTokens: 500 } };

function between(first: string, second: string, outline: string): string {
  return `在以下两段中插入一段。\n第一段：${first}\n第二段：${second}\n插入段的大纲：${outline}`;
}

/** Content cannot place pictures. */
export function editQuestion(edit: TextEdit, subject: EditSubject): string {
  return withoutPlaces(editPrompts[edit](subject));
}

import type { AdapterName } from '@lingbi/core';
import type { Preset } from '@lingbi/vision';
import type { GenerationSettings } from '../../writer/generation-settings.ts';
import type { WriterPrompt } from '../../writer/writer.ts';
import type { PlacedCaption } from '../caption.ts';

/** A step of the illustrated article: what is asked, and how the answer is generated. */
export type ArticleStep = 'article' | 'positions' | 'caption' | 'choice';

/**
 * What one generation of the family is asked for an illustrated article: texts and numbers, no
 * behaviour of its own. Places of pictures are `<ImageHere>`, in the order of the request's images.
 */
export interface ArticlePrompts {
  readonly name: string;
  readonly settings: Readonly<Record<ArticleStep, GenerationSettings>>;
  /** The task adapter of all steps; the base model where it is left out. */
  readonly adapter?: AdapterName;
  /** How pictures become tiles. */
  readonly tiling: Preset;
  /** Asks for the text; `uploads` pictures come first. */
  article(instruction: string, uploads: number, meta: string): WriterPrompt;
  /** Asks after which sections pictures go; without `count` the model decides how many. */
  positions(sections: readonly string[], uploads: number, count: number | undefined): WriterPrompt;
  /** Asks for the caption of a picture after a section. */
  caption(
    sections: readonly string[],
    section: number,
    past: readonly PlacedCaption[],
  ): WriterPrompt;
  /** The caption in the answer. */
  readCaption(answer: string): string;
  /** Asks for a letter: the contexts up to each picture, the last one still to be chosen. */
  choice(contexts: readonly string[], candidates: number): WriterPrompt;
}

import type { GenerationSettings } from '../../writer/generation-settings.ts';
import type { StepListener } from '../../writer/writer.ts';
import type { ImageSource } from '../image-source/image-source.ts';
import type { ArticlePrompts, ArticleStep } from '../prompts/article-prompts.ts';

export interface ComposeOptions {
  /** What the article is about, as the user says it. */
  readonly instruction: string;
  /** Where the article is kept while it is written, and its pictures afterwards. */
  readonly folder: string;
  /** How many pictures: `auto` lets the model decide, 0 gives text alone. Default `auto`. */
  readonly pictures?: number | 'auto';
  /** Where pictures come from. Needed unless there are `uploads` or no pictures. */
  readonly images?: ImageSource;
  /** Pictures of one's own, paths or bytes, which the text is then about. At most ten. */
  readonly uploads?: readonly (string | Uint8Array)[];
  /** A system text, or `true` for the one that articles were trained with. Default: none. */
  readonly meta?: string | boolean;
  /** Which generation of models writes. Default: InternLM-XComposer-2.5. */
  readonly prompts?: ArticlePrompts;
  /** What differs from the settings of single steps. */
  readonly settings?: Partial<Readonly<Record<ArticleStep, Partial<GenerationSettings>>>>;
  /** The same seed gives the same article. Default: a fresh one, kept for resuming. */
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly onEvent?: StepListener<ArticleStep>;
}

export const composeOptions: readonly string[] = [
  ...['instruction', 'folder', 'pictures', 'images', 'uploads', 'meta', 'prompts'],
  ...['settings', 'seed', 'signal', 'onEvent'],
];

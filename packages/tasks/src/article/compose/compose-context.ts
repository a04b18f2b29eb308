import type { GenerationSettings } from '../../writer/generation-settings.ts';
import type { StepListener, Writer } from '../../writer/writer.ts';
import type { ImageSource } from '../image-source/image-source.ts';
import type { ArticlePrompts, ArticleStep } from '../prompts/article-prompts.ts';

/** What an article is made with. */
export interface ComposeContext {
  readonly writer: Writer;
  readonly prompts: ArticlePrompts;
  readonly folder: string;
  readonly images?: ImageSource;
  readonly uploads: readonly (string | Uint8Array)[];
  readonly settings: Partial<Readonly<Record<ArticleStep, Partial<GenerationSettings>>>>;
  readonly meta: string;
  readonly wanted: number | 'auto';
  readonly request: string;
  readonly signal?: AbortSignal;
  readonly onEvent?: StepListener<ArticleStep>;
  /** Tells the caller, now and with the article. */
  readonly warn: (message: string) => void;
}

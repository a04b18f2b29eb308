import type { FinishReason } from '../chat/events.ts';
import { writeAtomically } from '../files/write-atomically.ts';
import { deleteTurnMarkers } from '../writer/markers.ts';
import { checkPage, type PageProblem } from './check-page.ts';
import { type CompletePageOptions, completePage } from './complete-page.ts';
import { type PagePictures, replacePictures } from './placeholder-pictures.ts';

/** A page that a model wrote. Its scripts are the model's: see `sandboxPage` before you show it. */
export interface WebPage {
  readonly html: string;
  /** The name that the reference gives it. */
  readonly fileName: string;
  /** What the model wrote, before anything was done to it; of two passes the last answer last. */
  readonly answers: readonly string[];
  /** Why the last answer ended: `length` says that the page was cut off. */
  readonly reason: FinishReason;
  readonly problems: readonly PageProblem[];
  readonly warnings: readonly string[];
}

/** What is done to what the model wrote. */
export interface FinishOptions {
  /** What stands in for pictures that the page wants. Default `random`, as in the reference. */
  readonly pictures?: PagePictures;
  /** Closes what the page leaves open. Default `{}`; `false` leaves it as written. */
  readonly complete?: CompletePageOptions | false;
}

/** From an answer to a page: markers out, pictures in, open ends closed (spec RECIPES §3). */
export async function finishPage(answer: string, options: FinishOptions = {}): Promise<string> {
  const { pictures = 'random', complete = {} } = options;
  const html = await replacePictures(deleteTurnMarkers(answer), pictures);
  return complete ? completePage(html, complete) : html;
}

/** A page with what can be said about it. */
export async function toWebPage(
  answer: string,
  facts: Omit<WebPage, 'html' | 'problems'>,
  options: FinishOptions,
): Promise<WebPage> {
  const html = await finishPage(answer, options);
  return { html, ...facts, problems: checkPage(html) };
}

/** Writes a page as UTF-8. Whoever reads the path finds the old page or the new one, whole. */
export async function savePage(page: Pick<WebPage, 'html'>, path: string): Promise<void> {
  await writeAtomically(path, page.html);
}

/** Changes of pictures: each gives another article and leaves the one it was given. */
import { withSettings } from '../../writer/generation-settings.ts';
import { deleteTurnMarkers } from '../../writer/markers.ts';
import { writeText } from '../../writer/write-text.ts';
import type { Writer } from '../../writer/writer.ts';
import type { Article, SectionPicture } from '../article.ts';
import { keepPictures, searchPictures } from '../compose/keep-pictures.ts';
import { ArticleEditError } from '../errors.ts';
import type { ImageSource } from '../image-source/image-source.ts';
import type { ArticlePrompts } from '../prompts/article-prompts.ts';
import { xcomposer2d5Prompts } from '../prompts/xcomposer2d5.ts';
import { sectionAt, withSections } from './apply-edit.ts';

export interface SearchPictureOptions {
  /** The article's folder, where found pictures are kept. */
  readonly folder: string;
  readonly images: ImageSource;
  readonly signal?: AbortSignal;
}

/**
 * Searches pictures for a caption and puts the first below a section, in place of those it has.
 * What was found for that section before is not found again.
 *
 * @throws ArticleEditError when nothing was found, or there is no such section.
 */
export async function searchPicture(
  article: Article,
  section: number,
  caption: string,
  { folder, images, signal }: SearchPictureOptions,
): Promise<Article> {
  const earlier = sectionAt(article, section).picture?.candidates ?? [];
  const exclude = earlier.map(({ id }) => id);
  const found = await searchPictures(images, caption, exclude, signal);
  if (found.length === 0) {
    throw new ArticleEditError(`No more pictures were found for "${caption}"; change the caption`);
  }
  const candidates = await keepPictures(folder, freeGroup(article), found);
  return withPicture(article, section, { caption, candidates, selected: 0 });
}

/** Shows another of a section's candidates. */
export function selectPicture(article: Article, section: number, selected: number): Article {
  const { picture } = sectionAt(article, section);
  if (picture?.candidates[selected]) return withPicture(article, section, { ...picture, selected });
  throw new ArticleEditError(
    `Section ${section} has ${picture?.candidates.length ?? 0} pictures; there is none ${selected}`,
  );
}

/** Takes a section's picture out; its files stay. */
export function deletePicture(article: Article, section: number): Article {
  const { text } = sectionAt(article, section);
  return withSections(article, section, 1, [{ text }]);
}

/** Tells a caption for a picture below a section, to search with. The reference's 1.0 demo does so. */
export async function suggestCaption(
  writer: Writer,
  article: Article,
  section: number,
  prompts: ArticlePrompts = xcomposer2d5Prompts,
  signal?: AbortSignal,
): Promise<string> {
  const { text } = sectionAt(article, section);
  const past = article.sections
    .slice(0, section + 2)
    .flatMap(({ picture }, at) => (picture ? [{ section: at, caption: picture.caption }] : []));
  const texts = article.sections.map((each) => each.text);
  const request = {
    prompt: prompts.caption(texts, section, past),
    settings: withSettings(prompts.settings.caption),
    ...(prompts.adapter && { adapter: prompts.adapter }),
    ...(signal && { signal }),
  };
  const answer = await writeText(writer, request, 'caption');
  return prompts.readCaption(deleteTurnMarkers(answer.text)) || [...text].slice(-50).join('');
}

function withPicture(article: Article, section: number, picture: SectionPicture): Article {
  const { text } = sectionAt(article, section);
  return withSections(article, section, 1, [{ text, picture }]);
}

/** A name for a group of files that no picture of the article has. */
function freeGroup({ sections }: Article): string {
  const numbers = sections
    .flatMap(({ picture }) => picture?.candidates ?? [])
    .map(({ file }) => Number(/^pictures\/search-(\d+)-/.exec(file)?.[1] ?? 0));
  return `search-${Math.max(0, ...numbers) + 1}`;
}

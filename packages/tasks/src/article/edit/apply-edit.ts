/** Changes of text: each gives another article and leaves the one it was given. */
import type { Article, ArticleSection } from '../article.ts';
import { ArticleEditError } from '../errors.ts';
import type { TextEdit } from './edit-prompts.ts';

/** @throws ArticleEditError when the article has no such section. */
export function sectionAt({ sections }: Article, section: number): ArticleSection {
  const found = sections[section];
  if (found) return found;
  throw new ArticleEditError(
    `There is no section ${section}: the article has ${sections.length}, from 0 on`,
  );
}

/**
 * Puts a suggested or typed text into the article. A section is one line, so line feeds become
 * spaces; an empty text takes the section out, with its picture (spec RECIPES §4.6).
 */
export function applyEdit(
  article: Article,
  section: number,
  edit: TextEdit,
  text: string,
): Article {
  const line = text.replaceAll(/\n+/g, ' ').trim();
  switch (edit) {
    case 'insert-before':
    case 'insert-after': {
      sectionAt(article, section);
      const at = edit === 'insert-before' ? section : section + 1;
      return line === '' ? article : withSections(article, at, 0, [{ text: line }]);
    }
    case 'expand':
    case 'rewrite':
    case 'abbreviate':
      return replaceText(article, section, line);
    default:
      throw new ArticleEditError(`There is no edit ${edit satisfies never}`);
  }
}

function replaceText(article: Article, section: number, text: string): Article {
  const { picture } = sectionAt(article, section);
  const changed = text === '' ? [] : [{ text, ...(picture && { picture }) }];
  return withSections(article, section, 1, changed);
}

/** The article with sections replaced from a place on. */
export function withSections(
  { instruction, sections }: Article,
  at: number,
  removed: number,
  added: readonly ArticleSection[],
): Article {
  return {
    instruction,
    sections: [...sections.slice(0, at), ...added, ...sections.slice(at + removed)],
  };
}

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { writeAtomically } from '../../files/write-atomically.ts';
import { type Article, shownPicture } from '../article.ts';
import { articleHtml } from './article-html.ts';
import { articleMarkdown } from './article-markdown.ts';

/** The first moment that a zip file can name; archives of equal content are equal to the byte. */
const noTime = new Date(1980, 0, 1);

export interface SaveZipOptions {
  /** The text within. Default: `articleMarkdown`; the demo's is `demoMarkdown`, as `io.MD`. */
  readonly text?: string;
  /** Its name within. Default `article.md`. */
  readonly name?: string;
}

/** Writes a zip file with the text and the pictures it shows, from the article's folder. */
export async function saveZip(
  article: Article,
  folder: string,
  path: string,
  { text = articleMarkdown(article), name = 'article.md' }: SaveZipOptions = {},
): Promise<void> {
  const files: Record<string, Uint8Array> = { [name]: new TextEncoder().encode(text) };
  for (const file of shownFiles(article)) files[file] = await readFile(join(folder, file));
  await writeAtomically(path, zipSync(files, { mtime: noTime }));
}

/** Writes one HTML file that holds its pictures. */
export async function saveHtml(article: Article, folder: string, path: string): Promise<void> {
  const addresses = new Map<string, string>();
  for (const file of shownFiles(article)) {
    const data = await readFile(join(folder, file));
    const type = file.replace(/^.*\./, '').replace('jpg', 'jpeg');
    addresses.set(file, `data:image/${type};base64,${data.toString('base64')}`);
  }
  await writeAtomically(
    path,
    articleHtml(article, (file) => addresses.get(file)!),
  );
}

function shownFiles({ sections }: Article): string[] {
  return [...new Set(sections.flatMap((section) => shownPicture(section)?.file ?? []))];
}

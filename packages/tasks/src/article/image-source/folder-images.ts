import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImageSource } from './image-source.ts';

export interface FolderImagesOptions {
  /**
   * What a picture shows, by its path within the folder, for better search than its name. Default:
   * a file beside it with the same name and the ending `.txt`, or else its name.
   */
  readonly describe?: (file: string) => string | Promise<string>;
}

/**
 * Pictures of a folder and those below it, ranked by the words that caption and description share.
 * Reads the folder anew at each search; pictures of equal rank come by name.
 */
export function folderImages(folder: string, options: FolderImagesOptions = {}): ImageSource {
  const describe = options.describe ?? ((file: string) => describedBeside(folder, file));
  return {
    async search(caption, { exclude, count, signal }) {
      const files = (await pictureFiles(folder)).filter((file) => !exclude.includes(file));
      const ranked = await rank(files, caption, describe, signal);
      const found = ranked.slice(0, count);
      return Promise.all(
        found.map(async (id) => ({ id, data: new Uint8Array(await readFile(join(folder, id))) })),
      );
    },
  };
}

/** Paths within the folder, with `/`, in the order of their names. */
async function pictureFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true });
  return entries
    .map((entry) => entry.replaceAll('\\', '/'))
    .filter((entry) => /\.(png|jpe?g|webp|gif)$/i.test(entry))
    .sort();
}

async function describedBeside(folder: string, file: string): Promise<string> {
  const name = file.replace(/\.[^.]*$/, '');
  return readFile(join(folder, `${name}.txt`), 'utf8').catch(() => name);
}

async function rank(
  files: readonly string[],
  caption: string,
  describe: (file: string) => string | Promise<string>,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const wanted = wordsOf(caption);
  const rated: { file: string; shared: number }[] = [];
  for (const file of files) {
    signal?.throwIfAborted();
    const shown = wordsOf(await describe(file));
    rated.push({
      file,
      shared: [...shown].filter((word) => wanted.has(word)).length / (shown.size || 1),
    });
  }
  return rated.sort((a, b) => b.shared - a.shared).map(({ file }) => file);
}

/** Words, and pairs of characters where a script has no spaces. */
function wordsOf(text: string): ReadonlySet<string> {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  return new Set(words.flatMap((word) => (/\p{Script=Han}/u.test(word) ? pairsOf(word) : [word])));
}

function pairsOf(word: string): string[] {
  const characters = [...word];
  if (characters.length < 2) return characters;
  return characters.slice(1).map((character, i) => characters[i]! + character);
}

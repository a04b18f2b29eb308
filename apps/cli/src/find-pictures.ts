import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** What folders are searched for; a file that is named is taken whatever its ending. */
const pictureFile = /\.(png|jpe?g|webp|gif|bmp|tiff?|avif)$/i;

/** Pictures as they are named, with those of folders, and of folders below, in the order of their names. */
export async function findPictures(places: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const place of places) found.push(...(await picturesAt(place)));
  return found;
}

async function picturesAt(place: string): Promise<string[]> {
  const isFolder = await stat(place).then(
    (found) => found.isDirectory(),
    () => false, // an address, or a file that is missing: reading it will say so
  );
  if (!isFolder) return [place];
  const entries = await readdir(place, { recursive: true });
  return entries
    .filter((entry) => pictureFile.test(entry))
    .sort()
    .map((entry) => join(place, entry));
}

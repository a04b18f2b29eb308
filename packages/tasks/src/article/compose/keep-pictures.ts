import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '../../files/write-atomically.ts';
import type { Candidate } from '../article.ts';
import { letters } from '../choice.ts';
import type { FoundPicture, ImageSource } from '../image-source/image-source.ts';
import { pictureType } from '../image-source/picture-type.ts';

/** How many candidates a caption gets (spec RECIPES §4.4). */
const CANDIDATES = 4;

/** What a source finds and browsers can show. */
export async function searchPictures(
  images: ImageSource,
  caption: string,
  exclude: readonly string[],
  signal?: AbortSignal,
): Promise<readonly FoundPicture[]> {
  const search = { exclude, count: CANDIDATES, ...(signal && { signal }) };
  const found = await images.search(caption, search);
  return found.slice(0, CANDIDATES).filter(({ data }) => pictureType(data) !== undefined);
}

/** Writes pictures into the article's folder: `pictures/{group}-a.jpg` and so on. */
export async function keepPictures(
  folder: string,
  group: string,
  pictures: readonly FoundPicture[],
): Promise<Candidate[]> {
  const kept: Candidate[] = [];
  for (const [i, { id, data }] of pictures.entries()) {
    const file = `pictures/${group}-${letters[i]!.toLowerCase()}.${pictureType(data)}`;
    await writeAtomically(join(folder, file), data);
    kept.push({ id, file });
  }
  return kept;
}

/** Copies uploads beside the found ones. @throws TypeError for one that is no picture. */
export async function keepUploads(
  folder: string,
  uploads: readonly (string | Uint8Array)[],
): Promise<Candidate[]> {
  const pictures: FoundPicture[] = [];
  for (const [i, upload] of uploads.entries()) {
    const data = typeof upload === 'string' ? new Uint8Array(await readFile(upload)) : upload;
    if (pictureType(data) === undefined) {
      throw new TypeError(`Upload ${i + 1} is no PNG, JPEG, WebP or GIF picture`);
    }
    pictures.push({ id: `upload-${i + 1}`, data });
  }
  return keepPictures(folder, 'upload', pictures);
}

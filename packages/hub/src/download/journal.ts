import { readFile } from 'node:fs/promises';
import type { RemoteFile } from '../hub/hub.ts';
import type { Span } from './spans.ts';

/** The first line says which bytes the file will hold; a journal of others is not continued. */
export function journalHead({ bytes, hash }: RemoteFile): string {
  return `lingbi 1 ${hash.algorithm} ${hash.hex} ${bytes}\n`;
}

export function journalLine({ start, end }: Span): string {
  return `${start} ${end}\n`;
}

/**
 * The spans that an earlier run wrote; none when the journal is about other bytes. A line that a crash
 * cut short claims less than was written, or nothing.
 */
export async function readJournal(path: string, file: RemoteFile): Promise<Span[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const head = journalHead(file);
  if (!text.startsWith(head)) return [];
  return [...text.slice(head.length).matchAll(/^(\d{1,15}) (\d{1,15})$/gm)].map(
    ([, start, end]) => ({
      start: Number(start),
      end: Number(end),
    }),
  );
}

import { PullLimitError } from '../errors.ts';
import type { Answer } from './client.ts';

/** A body of metadata as text. @throws PullLimitError when it is longer than permitted. */
export async function readText(answer: Answer, listingBytes: number): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer.chunks()) {
    length += chunk.length;
    if (length > listingBytes) throw new PullLimitError('listingBytes', length, listingBytes);
    parts.push(chunk);
  }
  return Buffer.concat(parts, length).toString('utf8');
}

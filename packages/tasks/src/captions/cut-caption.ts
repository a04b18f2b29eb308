import { cutAtTurnEnd } from '@lingbi/tokenizer';

/** An answer up to the mark that closes the turn, in either spelling, trimmed (SIDE_PROJECTS §4.1). */
export function cutCaption(answer: string): string {
  return cutAtTurnEnd(answer).trim();
}

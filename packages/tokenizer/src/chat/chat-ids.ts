import type { Tokenizer } from '../tokenizer.ts';
import { MissingMarkerError } from './errors.ts';
import type { ChatFamily } from './family.ts';
import { xcomposer2d5 } from './xcomposer2d5.ts';

/** Ids that a chat is made of, as this vocabulary numbers them. */
export interface ChatIds {
  readonly begin: number;
  readonly end: number;
  readonly turnStart: number;
  readonly turnEnd: number;
  /** Generation stops at any of these. */
  readonly stop: readonly number[];
}

/** @throws MissingMarkerError when the vocabulary was made for another family. */
export function chatIds(tokenizer: Tokenizer, family: ChatFamily = xcomposer2d5): ChatIds {
  const find = (marker: string): number => {
    const id = tokenizer.idOf(marker);
    if (id === undefined) throw new MissingMarkerError(marker, family.name);
    return id;
  };
  const end = find(family.end);
  const turnEnd = find(family.turnEnd);
  return {
    begin: find(family.begin),
    end,
    turnStart: find(family.turnStart),
    turnEnd,
    stop: [end, turnEnd],
  };
}

import type { ChatFamily } from './family.ts';
import type { ChatTurn } from './render-prompt.ts';
import { xcomposer2d5 } from './xcomposer2d5.ts';

/** What was generated up to the first spelling of the mark that closes a turn. Nothing is trimmed. */
export function cutAtTurnEnd(text: string, family: ChatFamily = xcomposer2d5): string {
  return text.slice(0, turnEndAt(text, family) ?? text.length);
}

/** The history for the next call: the query as it was asked, and the answer cut at the turn's end. */
export function extendHistory(
  history: readonly ChatTurn[],
  query: string,
  response: string,
  family: ChatFamily = xcomposer2d5,
): ChatTurn[] {
  return [...history, { query, answer: cutAtTurnEnd(response, family) }];
}

/** `cutAtTurnEnd` for text that comes in parts. */
export interface TurnEndCutter {
  /** Whether the mark has come; everything after it is dropped. */
  readonly ended: boolean;
  /** Text that cannot be part of the mark any more. */
  push(text: string): string;
  /** What was held back; call once, after the last part. */
  end(): string;
  /** Another cutter that goes on from here; neither knows of the other. */
  copy(): TurnEndCutter;
}

export function createTurnEndCutter(family: ChatFamily = xcomposer2d5): TurnEndCutter {
  return cutterFrom({ held: '', ended: false }, family);
}

function cutterFrom(
  start: { readonly held: string; readonly ended: boolean },
  family: ChatFamily,
): TurnEndCutter {
  let { held, ended } = start;
  const giveOut = (end: number): string => {
    const text = held.slice(0, end);
    held = ended ? '' : held.slice(end);
    return text;
  };
  return {
    get ended() {
      return ended;
    },
    push(text) {
      if (ended) return '';
      held += text;
      const mark = turnEndAt(held, family);
      ended = mark !== undefined;
      return giveOut(mark ?? held.length - begunMark(held, family));
    },
    end: () => giveOut(held.length),
    copy: () => cutterFrom({ held, ended }, family),
  };
}

function turnEndAt(text: string, { turnEndSpellings }: ChatFamily): number | undefined {
  const places = turnEndSpellings.map((mark) => text.indexOf(mark)).filter((place) => place >= 0);
  return places.length > 0 ? Math.min(...places) : undefined;
}

/** How many units at the end of a text may be the beginning of a mark. */
function begunMark(text: string, { turnEndSpellings }: ChatFamily): number {
  for (let from = 0; from < text.length; from++) {
    const rest = text.slice(from);
    if (turnEndSpellings.some((mark) => mark.startsWith(rest))) return rest.length;
  }
  return 0;
}

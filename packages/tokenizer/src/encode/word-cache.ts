import { type Piece, SPACE_SYMBOL } from '../model/model.ts';
import type { Merger } from './merge.ts';

// A slice of 13 or more units is kept by V8 as a view of its whole parent text, which one cached
// word would then hold in memory.
const LONGEST_CACHED = 12;
const MAX_CACHED = 65_536;

/**
 * Merges word by word and remembers short words.
 *
 * Exact for every vocabulary: words are cut before a space symbol whose left neighbour c stands
 * before a space symbol in no normal piece. Whatever merges happened around that place, a symbol over
 * both sides would be a piece with "c▁" in it, and there is none; so the sides never influence each other.
 */
export function cacheWords(merge: Merger, pieces: readonly Piece[]): Merger {
  const joining = unitsBeforeSpace(pieces);
  const cache = new Map<string, readonly number[]>();
  const mergeWord: Merger = (word) => {
    if (word.length > LONGEST_CACHED) return merge(word);
    const known = cache.get(word);
    if (known) return known;
    const ids = merge(word);
    if (cache.size >= MAX_CACHED) cache.clear();
    cache.set(word, ids);
    return ids;
  };
  return (text) => {
    const ids: number[] = [];
    for (let start = 0, end = 0; start < text.length; start = end) {
      end = wordEnd(text, start, joining);
      for (const id of mergeWord(text.slice(start, end))) ids.push(id);
    }
    return ids;
  };
}

/**
 * UTF-16 units that stand before a space symbol inside some normal piece: in InternLM2 the space
 * symbol itself, tab and line feed. Half of a surrogate pair stands for its character, which at worst
 * makes words longer.
 */
function unitsBeforeSpace(pieces: readonly Piece[]): ReadonlySet<number> {
  const units = new Set<number>();
  for (const { text, type } of pieces) {
    if (type !== 'normal') continue;
    let space = text.indexOf(SPACE_SYMBOL, 1);
    for (; space > 0; space = text.indexOf(SPACE_SYMBOL, space + 1)) {
      units.add(text.charCodeAt(space - 1));
    }
  }
  return units;
}

/** The first place after `start` where a word may be cut. */
function wordEnd(text: string, start: number, joining: ReadonlySet<number>): number {
  let space = text.indexOf(SPACE_SYMBOL, start + 1);
  while (space > 0 && joining.has(text.charCodeAt(space - 1))) {
    space = text.indexOf(SPACE_SYMBOL, space + 1);
  }
  return space < 0 ? text.length : space;
}

import { createMergeQueue, type MergeQueue } from './merge-queue.ts';
import type { Symbols } from './symbols.ts';

/** Cuts one stretch of text, without markers, into ids. */
export type Merger = (text: string) => readonly number[];

// A character that no piece contains: it never merges.
const FOREIGN = -1;

const utf8 = new TextEncoder();

/**
 * Byte-pair encoding by scores: starting from single characters, the two neighbours whose joint text
 * is the piece of highest score are joined, the leftmost first among equals, until no two neighbours
 * make a piece. A character left over that is no piece becomes its UTF-8 bytes.
 */
export function createMerger(symbols: Symbols): Merger {
  return (text) => {
    const row = rowOf(text, symbols);
    mergeAll(row, symbols);
    return idsOf(row, text, symbols);
  };
}

/** Symbols in a row, each at the UTF-16 unit where it starts; the other places are unused. */
interface SymbolRow {
  readonly length: number;
  readonly symbols: Int32Array;
  /** Where the symbol ends, 0 once it was joined to the one on its left. */
  readonly ends: Int32Array;
  /** Where the symbol before it starts, -1 for the first. */
  readonly befores: Int32Array;
}

function rowOf(text: string, { ofCharacter }: Symbols): SymbolRow {
  const { length } = text;
  const symbols = new Int32Array(length);
  const ends = new Int32Array(length);
  const befores = new Int32Array(length);
  let before = -1;
  for (let start = 0; start < length; start = ends[start]!) {
    const character = text.codePointAt(start)!;
    symbols[start] = ofCharacter.get(character) ?? FOREIGN;
    ends[start] = start + (character > 0xffff ? 2 : 1);
    befores[start] = before;
    before = start;
  }
  return { length, symbols, ends, befores };
}

/**
 * Candidates that a later merge made impossible stay in the queue and are recognised when they come
 * up: one of their symbols no longer ends where it did.
 */
function mergeAll(row: SymbolRow, table: Symbols): void {
  const { length, symbols, ends, befores } = row;
  const queue = createMergeQueue();
  for (let start = 0; start < length; start = ends[start]!) offer(befores[start]!, start);
  for (let top = queue.pop(); top; top = queue.pop()) {
    const { left, middle, end } = top;
    if (ends[left] !== middle || ends[middle] !== end) continue;
    symbols[left] = top.joined;
    ends[left] = end;
    ends[middle] = 0;
    if (end < length) befores[end] = left;
    offer(befores[left]!, left);
    offer(left, end);
  }

  function offer(left: number, middle: number): void {
    if (left >= 0 && middle < length) offerPair(queue, row, table, left, middle);
  }
}

function offerPair(
  queue: MergeQueue,
  { symbols, ends }: SymbolRow,
  { join, scores }: Symbols,
  left: number,
  middle: number,
): void {
  const joined = join(symbols[left]!, symbols[middle]!);
  if (joined < 0) return;
  queue.push({ joined, score: scores[joined]!, left, middle, end: ends[middle]! });
}

function idsOf({ length, symbols, ends }: SymbolRow, text: string, table: Symbols): number[] {
  const ids: number[] = [];
  for (let start = 0; start < length; start = ends[start]!) {
    const symbol = symbols[start]!;
    if (symbol !== FOREIGN && symbol < table.pieceCount) ids.push(symbol);
    else ids.push(...byteIdsOf(text.slice(start, ends[start]), table));
  }
  return ids;
}

function byteIdsOf(character: string, { byteIds }: Symbols): number[] {
  return Array.from(utf8.encode(character), (byte) => byteIds[byte]!);
}

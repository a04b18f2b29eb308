import type { PieceIds } from '../model/check-model.ts';
import { byteOfPiece, type Piece, type TokenizerModel } from '../model/model.ts';
import { createPairTable, type PairTable, type SymbolPairs } from './pair-table.ts';

/**
 * The symbols that merging works on: normal pieces under their own ids, then single characters that
 * occur inside pieces without being one.
 */
export interface Symbols {
  /** Symbol of a code point, or undefined when no piece contains it. */
  readonly ofCharacter: ReadonlyMap<number, number>;
  readonly join: PairTable;
  /** Score of every piece, by id. */
  readonly scores: Float32Array;
  /** Id of every byte piece, by value. */
  readonly byteIds: Int32Array;
  /** Symbols below this number are pieces. */
  readonly pieceCount: number;
}

/**
 * Only normal pieces are made by merges. A user-defined piece is cut out wherever it stands, so a
 * merge could only make one out of text that may not write it.
 */
export function createSymbols({ pieces }: TokenizerModel, ids: PieceIds): Symbols {
  const ofCharacter = charactersOf(pieces);
  return {
    ofCharacter,
    join: createPairTable(pairsOf(pieces, symbolFinder(pieces, ids, ofCharacter))),
    scores: scoresOf(pieces),
    byteIds: byteIdsOf(pieces),
    pieceCount: pieces.length,
  };
}

/** Single characters that are normal pieces, then others that occur inside normal pieces. */
function charactersOf(pieces: readonly Piece[]): Map<number, number> {
  const characters = new Map<number, number>();
  pieces.forEach(({ text, type }, id) => {
    if (type === 'normal' && isCharacter(text)) characters.set(text.codePointAt(0)!, id);
  });
  let next = pieces.length;
  for (const { text, type } of pieces) {
    if (type !== 'normal') continue;
    for (const character of text) {
      const codePoint = character.codePointAt(0)!;
      if (!characters.has(codePoint)) characters.set(codePoint, next++);
    }
  }
  return characters;
}

function isCharacter(text: string): boolean {
  return text.length === (text.codePointAt(0)! > 0xffff ? 2 : 1);
}

type SymbolFinder = (text: string) => number | undefined;

function symbolFinder(
  pieces: readonly Piece[],
  ids: PieceIds,
  ofCharacter: ReadonlyMap<number, number>,
): SymbolFinder {
  return (text) => {
    const id = ids.get(text);
    if (id !== undefined && pieces[id]!.type === 'normal') return id;
    return isCharacter(text) ? ofCharacter.get(text.codePointAt(0)!) : undefined;
  };
}

/** Every way to put a normal piece together from two symbols. */
function pairsOf(pieces: readonly Piece[], symbolOf: SymbolFinder): SymbolPairs {
  const pairs: SymbolPairs = { lefts: [], rights: [], joins: [] };
  pieces.forEach(({ text, type }, id) => {
    if (type === 'normal') addPairs(text, id, symbolOf, pairs);
  });
  return pairs;
}

function addPairs(text: string, joined: number, symbolOf: SymbolFinder, pairs: SymbolPairs): void {
  for (let middle = 1; middle < text.length; middle++) {
    const left = symbolOf(text.slice(0, middle));
    const right = left === undefined ? undefined : symbolOf(text.slice(middle));
    if (left === undefined || right === undefined) continue;
    pairs.lefts.push(left);
    pairs.rights.push(right);
    pairs.joins.push(joined);
  }
}

function scoresOf(pieces: readonly Piece[]): Float32Array {
  const scores = new Float32Array(pieces.length);
  pieces.forEach(({ score }, id) => {
    scores[id] = score;
  });
  return scores;
}

function byteIdsOf(pieces: readonly Piece[]): Int32Array {
  const ids = new Int32Array(256);
  pieces.forEach(({ text, type }, id) => {
    if (type === 'byte') ids[byteOfPiece(text)!] = id;
  });
  return ids;
}

import { byteOfPiece, type TokenizerModel } from '../model/model.ts';
import { createPairTable, type PairTable, type SymbolPair } from './pair-table.ts';

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
export function createSymbols({ pieces }: TokenizerModel): Symbols {
  const byteIds = new Int32Array(256);
  const symbolOf = new Map<string, number>();
  pieces.forEach(({ text, type }, id) => {
    if (type === 'normal') symbolOf.set(text, id);
    else if (type === 'byte') byteIds[byteOfPiece(text)!] = id;
  });
  const made = [...symbolOf.keys()].filter((text) => !isCharacter(text));
  addCharacters(made, symbolOf, pieces.length);
  return {
    ofCharacter: charactersOf(symbolOf),
    join: createPairTable(made.flatMap((text) => pairsOf(text, symbolOf))),
    scores: Float32Array.from(pieces, ({ score }) => score),
    byteIds,
    pieceCount: pieces.length,
  };
}

function isCharacter(text: string): boolean {
  return text.length === (text.codePointAt(0)! > 0xffff ? 2 : 1);
}

function addCharacters(
  made: readonly string[],
  symbolOf: Map<string, number>,
  first: number,
): void {
  let next = first;
  for (const text of made) {
    for (const character of text) if (!symbolOf.has(character)) symbolOf.set(character, next++);
  }
}

function charactersOf(symbolOf: ReadonlyMap<string, number>): Map<number, number> {
  const characters = new Map<number, number>();
  for (const [text, symbol] of symbolOf) {
    if (isCharacter(text)) characters.set(text.codePointAt(0)!, symbol);
  }
  return characters;
}

/** Every way to put a piece together from two symbols. */
function pairsOf(text: string, symbolOf: ReadonlyMap<string, number>): SymbolPair[] {
  const pairs: SymbolPair[] = [];
  const joined = symbolOf.get(text)!;
  for (let middle = 1; middle < text.length; middle++) {
    const left = symbolOf.get(text.slice(0, middle));
    const right = left === undefined ? undefined : symbolOf.get(text.slice(middle));
    if (left !== undefined && right !== undefined) pairs.push({ left, right, joined });
  }
  return pairs;
}

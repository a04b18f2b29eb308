import { TokenizerModelError } from './errors.ts';
import { byteOfPiece, byteSpelling, type Piece, type TokenizerModel } from './model.ts';

/** The id of each piece by its text. */
export type PieceIds = ReadonlyMap<string, number>;

/**
 * Sees that every rule holds that encoding relies on.
 *
 * @throws TokenizerModelError naming the first piece that breaks a rule.
 */
export function checkModel(model: TokenizerModel): PieceIds {
  const idOf = new Map<string, number>();
  model.pieces.forEach((piece, id) => {
    checkPiece(piece, id, idOf);
    idOf.set(piece.text, id);
  });
  checkBytes(idOf, model.pieces);
  checkUnknown(model.pieces);
  checkMark('bos_id', model.beginId, model.pieces);
  checkMark('eos_id', model.endId, model.pieces);
  return idOf;
}

function checkPiece({ text, score, type }: Piece, id: number, idOf: PieceIds): void {
  if (text === '') refuse(id, 'is empty');
  if (!Number.isFinite(score)) refuse(id, `(${JSON.stringify(text)}) has the score ${score}`);
  if (idOf.has(text)) refuse(id, `(${JSON.stringify(text)}) is also piece ${idOf.get(text)}`);
  if (type === 'byte' && byteOfPiece(text) === undefined) {
    refuse(id, `is a byte piece spelled ${JSON.stringify(text)} instead of like <0x0A>`);
  }
  if (type === 'unused') {
    const message = `Piece ${id} (${JSON.stringify(text)}) is of type unused, which is not supported`;
    throw new TokenizerModelError('unsupported', message);
  }
}

function refuse(id: number, what: string): never {
  throw new TokenizerModelError('malformed', `Piece ${id} ${what}`);
}

/** Byte fallback needs all 256, or some text could not be encoded. */
function checkBytes(idOf: PieceIds, pieces: readonly Piece[]): void {
  for (let value = 0; value < 256; value++) {
    const spelling = byteSpelling(value);
    const id = idOf.get(spelling);
    if (id === undefined || pieces[id]!.type !== 'byte') {
      throw new TokenizerModelError('malformed', `The byte piece ${spelling} is missing`);
    }
  }
}

function checkUnknown(pieces: readonly Piece[]): void {
  const count = pieces.filter(({ type }) => type === 'unknown').length;
  if (count === 1) return;
  throw new TokenizerModelError('malformed', `There are ${count} unknown pieces instead of one`);
}

function checkMark(name: string, id: number, pieces: readonly Piece[]): void {
  if (id === -1 || pieces[id]?.type === 'control') return;
  const what = pieces[id] === undefined ? 'not a piece' : `a ${pieces[id].type} piece`;
  throw new TokenizerModelError(
    'malformed',
    `${name} is ${id}, which is ${what}, not a control piece`,
  );
}

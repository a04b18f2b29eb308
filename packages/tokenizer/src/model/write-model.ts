import { checkModel } from './check-model.ts';
import { PIECE_TYPES, type Piece, type TokenizerModel } from './model.ts';
import { FIXED32, LENGTH_DELIMITED, VARINT } from './wire.ts';

/**
 * Writes a model as a SentencePiece `tokenizer.model`; `readModel` gives back an equal one, and
 * SentencePiece itself can load it.
 *
 * Scores are stored as float32.
 *
 * @throws TokenizerModelError when the model breaks a rule that `readModel` checks.
 */
export function writeModel(model: TokenizerModel): Uint8Array {
  checkModel(model);
  const output: number[] = [];
  for (const piece of model.pieces) append(output, message(1, pieceBytes(piece)));
  append(output, message(2, trainerBytes(model)));
  append(output, message(3, normalizerBytes(model)));
  return Uint8Array.from(output);
}

function pieceBytes({ text, score, type }: Piece): number[] {
  const scoreBytes = new Uint8Array(Float32Array.of(score).buffer);
  return [
    ...message(1, [...new TextEncoder().encode(text)]),
    ...varint(2 * 8 + FIXED32),
    ...scoreBytes,
    ...number(3, PIECE_TYPES.indexOf(type) + 1),
  ];
}

function trainerBytes({ pieces, beginId, endId }: TokenizerModel): number[] {
  const unknownId = pieces.findIndex(({ type }) => type === 'unknown');
  return [
    ...number(3, 2), // model_type: BPE
    ...number(4, pieces.length),
    ...number(35, 1), // byte_fallback
    ...number(40, unknownId),
    ...number(41, beginId),
    ...number(42, endId),
    ...number(43, -1), // pad_id: none
  ];
}

function normalizerBytes({ normalizer }: TokenizerModel): number[] {
  return [
    ...message(1, [...new TextEncoder().encode('identity')]),
    ...number(3, Number(normalizer.addDummyPrefix)),
    ...number(4, Number(normalizer.removeExtraWhitespaces)),
    ...number(5, Number(normalizer.escapeWhitespaces)),
  ];
}

function message(field: number, content: readonly number[]): number[] {
  return [...varint(field * 8 + LENGTH_DELIMITED), ...varint(content.length), ...content];
}

function number(field: number, value: number): number[] {
  return [...varint(field * 8 + VARINT), ...varint(value)];
}

/** Seven bits a byte, lowest first; a negative number is its 64-bit two's complement. */
function varint(value: number): number[] {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return bytes;
}

function append(output: number[], bytes: readonly number[]): void {
  for (const byte of bytes) output.push(byte);
}

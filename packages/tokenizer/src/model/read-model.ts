import { checkModel } from './check-model.ts';
import { TokenizerModelError } from './errors.ts';
import { type Normalizer, PIECE_TYPES, type Piece, type TokenizerModel } from './model.ts';
import {
  openWire,
  readBoolean,
  readBytes,
  readFloat32,
  readInt32,
  readMessage,
  readTag,
  skipField,
  type WireCursor,
} from './wire.ts';

// The largest vocabulary in use has about 260,000 pieces, the longest piece of InternLM2 128 characters.
const MAX_PIECES = 1 << 20;
const MAX_PIECE_BYTES = 1024;

// TrainerSpec.model_type: 1 unigram, 2 BPE, 3 word, 4 character.
const BPE = 2;

// Strict, and a byte order mark is text like any other.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

interface Trainer {
  modelType: number;
  byteFallback: boolean;
  suffixWhitespace: boolean;
  beginId: number;
  endId: number;
}

/**
 * Reads a SentencePiece `tokenizer.model` (a protobuf `ModelProto`) from its raw bytes.
 *
 * Only what encoding needs is kept. A piece may hold any Unicode text, the NUL character included.
 *
 * @throws TokenizerModelError when the bytes are cut short, malformed or over the limits (2^20
 * pieces of at most 1024 bytes), or the model is not a byte-fallback BPE with identity normalisation.
 */
export function readModel(bytes: Uint8Array): TokenizerModel {
  const model = parseModel(bytes);
  checkModel(model);
  return model;
}

/** What the bytes say; `checkModel` has not looked at it yet. */
export function parseModel(bytes: Uint8Array): TokenizerModel {
  const cursor = openWire(bytes);
  const pieces: Piece[] = [];
  const trainer = defaultTrainer();
  // Defaults of sentencepiece_model.proto.
  const normalizer = {
    addDummyPrefix: true,
    removeExtraWhitespaces: true,
    escapeWhitespaces: true,
  };
  while (cursor.offset < cursor.end) {
    const tag = readTag(cursor);
    if (tag.field === 1)
      addPiece(
        pieces,
        readMessage(cursor, tag, () => `piece ${pieces.length}`),
      );
    else if (tag.field === 2) readTrainer(readMessage(cursor, tag, 'trainer_spec'), trainer);
    else if (tag.field === 3)
      readNormalizer(readMessage(cursor, tag, 'normalizer_spec'), normalizer);
    else skipField(cursor, tag);
  }
  checkTrainer(trainer);
  const { beginId, endId } = trainer;
  return { pieces, normalizer, beginId, endId };
}

function defaultTrainer(): Trainer {
  // Defaults of sentencepiece_model.proto.
  return { modelType: 1, byteFallback: false, suffixWhitespace: false, beginId: 1, endId: 2 };
}

function addPiece(pieces: Piece[], cursor: WireCursor): void {
  if (pieces.length === MAX_PIECES) {
    throw new TokenizerModelError('limit', `More than ${MAX_PIECES} pieces`, cursor.offset);
  }
  pieces.push(readPiece(cursor, pieces.length));
}

function readPiece(cursor: WireCursor, id: number): Piece {
  const offset = cursor.offset;
  let text = '';
  let score = 0;
  let type = 1;
  while (cursor.offset < cursor.end) {
    const tag = readTag(cursor);
    if (tag.field === 1)
      text = pieceText(
        readBytes(cursor, tag, () => `text of piece ${id}`),
        id,
        offset,
      );
    else if (tag.field === 2) score = readFloat32(cursor, tag, () => `score of piece ${id}`);
    else if (tag.field === 3) type = readInt32(cursor, tag, () => `type of piece ${id}`);
    else skipField(cursor, tag);
  }
  const known = PIECE_TYPES[type - 1];
  if (known === undefined) {
    throw new TokenizerModelError('malformed', `Piece ${id} has the unknown type ${type}`, offset);
  }
  return { text, score, type: known };
}

function pieceText(bytes: Uint8Array, id: number, offset: number): string {
  if (bytes.length > MAX_PIECE_BYTES) {
    const message = `Piece ${id} has ${bytes.length} bytes; at most ${MAX_PIECE_BYTES} are read`;
    throw new TokenizerModelError('limit', message, offset);
  }
  try {
    return utf8.decode(bytes);
  } catch {
    throw new TokenizerModelError('malformed', `Piece ${id} is not valid UTF-8`, offset);
  }
}

function readTrainer(cursor: WireCursor, trainer: Trainer): void {
  while (cursor.offset < cursor.end) {
    const tag = readTag(cursor);
    if (tag.field === 3) trainer.modelType = readInt32(cursor, tag, 'model_type');
    else if (tag.field === 24)
      trainer.suffixWhitespace = readBoolean(cursor, tag, 'treat_whitespace_as_suffix');
    else if (tag.field === 35) trainer.byteFallback = readBoolean(cursor, tag, 'byte_fallback');
    else if (tag.field === 41) trainer.beginId = readInt32(cursor, tag, 'bos_id');
    else if (tag.field === 42) trainer.endId = readInt32(cursor, tag, 'eos_id');
    else skipField(cursor, tag);
  }
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

function readNormalizer(cursor: WireCursor, normalizer: Mutable<Normalizer>): void {
  while (cursor.offset < cursor.end) {
    const tag = readTag(cursor);
    if (tag.field === 2) refuseCharsmap(readBytes(cursor, tag, 'precompiled_charsmap'), tag.offset);
    else if (tag.field === 3)
      normalizer.addDummyPrefix = readBoolean(cursor, tag, 'add_dummy_prefix');
    else if (tag.field === 4)
      normalizer.removeExtraWhitespaces = readBoolean(cursor, tag, 'remove_extra_whitespaces');
    else if (tag.field === 5)
      normalizer.escapeWhitespaces = readBoolean(cursor, tag, 'escape_whitespaces');
    else skipField(cursor, tag);
  }
}

function refuseCharsmap(charsmap: Uint8Array, offset: number): void {
  if (charsmap.length === 0) return;
  const message =
    'The model rewrites characters (precompiled_charsmap) before it cuts pieces; ' +
    'only models with the identity normalizer are read';
  throw new TokenizerModelError('unsupported', message, offset);
}

function checkTrainer({ modelType, byteFallback, suffixWhitespace }: Trainer): void {
  if (modelType !== BPE) {
    const message = `The model type is ${modelType}; only BPE (${BPE}) is read`;
    throw new TokenizerModelError('unsupported', message);
  }
  if (!byteFallback) {
    throw new TokenizerModelError('unsupported', 'The model has no byte fallback, which is needed');
  }
  if (suffixWhitespace) {
    const message = 'The model writes spaces after words (treat_whitespace_as_suffix)';
    throw new TokenizerModelError('unsupported', message);
  }
}

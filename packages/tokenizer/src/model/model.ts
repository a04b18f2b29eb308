/** What a piece is for; the order is that of SentencePiece's numbering, which starts at 1. */
export type PieceType = 'normal' | 'unknown' | 'control' | 'user-defined' | 'unused' | 'byte';

/** One row of the vocabulary; its id is its place in the list. */
export interface Piece {
  /** U+2581 (▁) stands for a space. A byte piece is spelled `<0x0A>`. */
  readonly text: string;
  /** Merges with a higher score happen first. */
  readonly score: number;
  readonly type: PieceType;
}

/** What is done to a text before it is cut into pieces. */
export interface Normalizer {
  /** Put one space before every text. */
  readonly addDummyPrefix: boolean;
  /** Strip spaces at both ends and collapse runs of them. */
  readonly removeExtraWhitespaces: boolean;
  /** Write U+0020 as U+2581. */
  readonly escapeWhitespaces: boolean;
}

/** A SentencePiece BPE vocabulary with byte fallback: plain data. */
export interface TokenizerModel {
  readonly pieces: readonly Piece[];
  readonly normalizer: Normalizer;
  /** Id of the piece that begins a text, or -1 when the model has none. */
  readonly beginId: number;
  /** Id of the piece that ends a text, or -1 when the model has none. */
  readonly endId: number;
}

/** Piece types by their number on the wire, minus one. */
export const PIECE_TYPES: readonly PieceType[] = [
  'normal',
  'unknown',
  'control',
  'user-defined',
  'unused',
  'byte',
];

/** U+2581, how SentencePiece writes a space inside pieces. */
export const SPACE_SYMBOL = '\u2581';

/** The value of a byte piece such as `<0x0A>`, or undefined when the text is not spelled like one. */
export function byteOfPiece(text: string): number | undefined {
  return /^<0x[0-9A-F]{2}>$/.test(text) ? Number.parseInt(text.slice(3, 5), 16) : undefined;
}

/** How byte `value` is spelled as a piece. */
export function byteSpelling(value: number): string {
  return `<0x${value.toString(16).toUpperCase().padStart(2, '0')}>`;
}

import { type Piece, writeModel } from '@lingbi/tokenizer';

/** Markers of a chat stand at the end, as in the published vocabulary (spec TOKENIZER). */
const MARKERS = [
  '[UNUSED_TOKEN_141]',
  '[UNUSED_TOKEN_142]',
  '[UNUSED_TOKEN_143]',
  '[UNUSED_TOKEN_144]',
  '[UNUSED_TOKEN_145]',
  '[UNUSED_TOKEN_146]',
];

/** The unknown piece, two ends, the bytes and the markers: no vocabulary is smaller. */
export const LEAST_PIECES: number = 3 + 256 + MARKERS.length;

/** A tokenizer.model of this many pieces, or `LEAST_PIECES`: every byte, the markers of a chat, and made-up words. */
export function synthTokenizer(vocabularySize: number): Uint8Array {
  const bytes = Array.from({ length: 256 }, (_, value) => {
    return `<0x${value.toString(16).toUpperCase().padStart(2, '0')}>`;
  });
  const head: Piece[] = [
    { text: '<unk>', score: 0, type: 'unknown' },
    { text: '<s>', score: 0, type: 'control' },
    { text: '</s>', score: 0, type: 'control' },
    ...bytes.map((text): Piece => ({ text, score: 0, type: 'byte' })),
  ];
  const words = Math.max(0, vocabularySize - head.length - MARKERS.length);
  const pieces: Piece[] = [
    ...head,
    ...Array.from({ length: words }, (_, place) => wordPiece(place)),
    ...MARKERS.map((text): Piece => ({ text, score: 0, type: 'user-defined' })),
  ];
  const normalizer = {
    addDummyPrefix: true,
    removeExtraWhitespaces: false,
    escapeWhitespaces: true,
  };
  return writeModel({ pieces, normalizer, beginId: 1, endId: 2 });
}

/** Text of any kind comes out as bytes and single letters; the rest only fills the vocabulary. */
function wordPiece(place: number): Piece {
  return { text: `▁w${place.toString(36)}`, score: -place, type: 'normal' };
}

import type { Grammars } from '@lingbi/grammar';
import type { Piece, Tokenizer } from '@lingbi/tokenizer';

/** Reads a vocabulary into the grammar engine, which is loaded at this moment and not before. */
export async function openGrammars(
  { model: { pieces, normalizer } }: Tokenizer,
  size: number,
  stopTokens: ReadonlySet<number>,
): Promise<Grammars> {
  const { createGrammars } = await import('@lingbi/grammar');
  return createGrammars({
    ...{ size, stopTokens, pieces: pieces.map(spelledPiece) },
    losesFirstSpace: normalizer.addDummyPrefix || normalizer.removeExtraWhitespaces,
  });
}

/** What an answer may be made of: text and bytes, and no markers. */
function spelledPiece({ text, type }: Piece): string | undefined {
  const isText = type === 'normal' || type === 'byte' || type === 'user-defined';
  return isText && !isMarker(text) ? text : undefined;
}

function isMarker(text: string): boolean {
  return /^(\[UNUSED_TOKEN_\d+\]|<TOKENS_UNUSED_\d+>|<\|.*\|>)$/.test(text);
}

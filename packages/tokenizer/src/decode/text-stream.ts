import { byteOfPiece, SPACE_SYMBOL, type TokenizerModel } from '../model/model.ts';
import { createUtf8Buffer } from './utf8-buffer.ts';

/** Whether `<s>`, `</s>` and `<unk>` appear in decoded text. */
export interface TextStreamOptions {
  /** `skip` (default) leaves control and unknown pieces out; `keep` spells them. */
  readonly controls?: 'skip' | 'keep';
}

/** Turns ids into text one by one and never gives out half a character. */
export interface TextStream {
  /**
   * Text that became certain with this id; empty while a character made of byte pieces is unfinished.
   *
   * @throws RangeError when the vocabulary has no such id.
   */
  push(id: number): string;
  /** What was held back; call once, after the last id. */
  end(): string;
}

export function createModelTextStream(
  model: TokenizerModel,
  { controls = 'skip' }: TextStreamOptions = {},
): TextStream {
  const bytes = createUtf8Buffer();
  const stripLeading = createLeadingSpaceRule(model);
  const push = (id: number): string => {
    const { text, type } = pieceOf(model, id);
    if (type === 'byte') return bytes.push(byteOfPiece(text)!);
    if (type !== 'control' && type !== 'unknown') {
      return bytes.flush() + text.replaceAll(SPACE_SYMBOL, ' ');
    }
    return controls === 'skip' ? '' : bytes.flush() + text;
  };
  return { push: (id) => stripLeading(push(id)), end: () => bytes.flush() };
}

function pieceOf({ pieces }: TokenizerModel, id: number): TokenizerModel['pieces'][number] {
  const piece = pieces[id];
  if (piece !== undefined) return piece;
  throw new RangeError(
    `Decoding: there is no piece ${id}, ids go from 0 to ${pieces.length - 1}; ` +
      'is this the tokenizer of the model that made the id?',
  );
}

/** Takes back the spaces that normalization put or allowed at the start of a text. */
function createLeadingSpaceRule({ normalizer }: TokenizerModel): (text: string) => string {
  const { addDummyPrefix, removeExtraWhitespaces } = normalizer;
  let atStart = addDummyPrefix || removeExtraWhitespaces;
  return (text) => {
    if (!atStart || text === '') return text;
    const stripped = removeExtraWhitespaces ? text.replace(/^ +/, '') : text.replace(/^ /, '');
    atStart = removeExtraWhitespaces && stripped === '';
    return stripped;
  };
}

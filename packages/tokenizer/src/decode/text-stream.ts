import { byteOfPiece, SPACE_SYMBOL, type TokenizerModel } from '../model/model.ts';
import { createUtf8Buffer, type Utf8Buffer } from './utf8-buffer.ts';

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
  /** Another stream that goes on from here; neither knows of the other. */
  copy(): TextStream;
}

export function createModelTextStream(
  model: TokenizerModel,
  options: TextStreamOptions = {},
): TextStream {
  return streamFrom(createUtf8Buffer(), createLeadingSpaceRule(model), model, options);
}

function streamFrom(
  bytes: Utf8Buffer,
  leading: LeadingSpaceRule,
  model: TokenizerModel,
  options: TextStreamOptions,
): TextStream {
  const { controls = 'skip' } = options;
  const spoken = spokenTexts(model);
  const push = (id: number): string => {
    const { text, type } = pieceOf(model, id);
    if (type === 'byte') return bytes.push(byteOfPiece(text)!);
    if (type !== 'control' && type !== 'unknown') {
      spoken[id] ??= text.replaceAll(SPACE_SYMBOL, ' ');
      return bytes.flush() + spoken[id];
    }
    return controls === 'skip' ? '' : bytes.flush() + text;
  };
  return {
    push: (id) => leading.strip(push(id)),
    end: () => bytes.flush(),
    copy: () => streamFrom(bytes.copy(), leading.copy(), model, options),
  };
}

/** Texts of pieces with their spaces, each made when it is first wanted: that is most of the work. */
const spokenOf = new WeakMap<TokenizerModel, (string | undefined)[]>();

function spokenTexts(model: TokenizerModel): (string | undefined)[] {
  const known = spokenOf.get(model) ?? new Array<string | undefined>(model.pieces.length);
  spokenOf.set(model, known);
  return known;
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
interface LeadingSpaceRule {
  strip(text: string): string;
  copy(): LeadingSpaceRule;
}

function createLeadingSpaceRule({ normalizer }: TokenizerModel): LeadingSpaceRule {
  const { addDummyPrefix, removeExtraWhitespaces } = normalizer;
  const leading = removeExtraWhitespaces ? /^ +/ : /^ /;
  const ruleFrom = (start: boolean): LeadingSpaceRule => {
    let atStart = start;
    return {
      strip(text) {
        if (!atStart || text === '') return text;
        const stripped = text.replace(leading, '');
        atStart = removeExtraWhitespaces && stripped === '';
        return stripped;
      },
      copy: () => ruleFrom(atStart),
    };
  };
  return ruleFrom(addDummyPrefix || removeExtraWhitespaces);
}

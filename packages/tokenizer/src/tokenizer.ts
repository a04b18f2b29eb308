import { type DecodeOptions, decodeIds } from './decode/decode.ts';
import {
  createModelTextStream,
  type TextStream,
  type TextStreamOptions,
} from './decode/text-stream.ts';
import { createEncoder, type Encoder } from './encode/encoder.ts';
import { joinSpans, type ParseSpecial, type TextSpan } from './encode/trusted-text.ts';
import { checkModel } from './model/check-model.ts';
import type { TokenizerModel } from './model/model.ts';
import { parseModel } from './model/read-model.ts';

export interface TokenizerOptions {
  /**
   * Whether a user-defined piece is a marker, which text may write only where it is trusted to.
   * By default those in brackets are: `[UNUSED_TOKEN_145]`, `<TOKENS_UNUSED_0>`.
   */
  readonly isMarker?: (piece: string) => boolean;
  /** Remember short words (default true). Changes speed, never ids. */
  readonly cache?: boolean;
}

export interface EncodeOptions {
  /** What markers in a plain string mean; default `none`. Spans say it for themselves. */
  readonly parseSpecial?: ParseSpecial;
  /** Begin with the model's `<s>`; default false. */
  readonly addBos?: boolean;
}

/** Text to ids and back. Knows nothing of chat or images. */
export interface Tokenizer {
  readonly model: TokenizerModel;
  /** Id of a piece by its exact text, `▁` standing for a space. */
  idOf(piece: string): number | undefined;
  /**
   * Ids of a text, or of spans of different trust read as one text: merges cross span borders.
   * Lone surrogates are read as U+FFFD.
   *
   * @throws TypeError when `parseSpecial` is given with spans, or `addBos` with a model that has no
   * such piece.
   */
  encode(text: string | readonly TextSpan[], options?: EncodeOptions): Int32Array;
  /** @throws RangeError when the vocabulary has no such id. */
  decode(ids: Iterable<number>, options?: DecodeOptions): string;
  /** Decodes ids as they come; the pieces of text joined are what `decode` gives for all ids. */
  createTextStream(options?: TextStreamOptions): TextStream;
}

/**
 * A tokenizer from the bytes of a `tokenizer.model`, or from a model already read or built.
 *
 * @throws TokenizerModelError when the file or model cannot be used; see `readModel`.
 */
export function createTokenizer(
  source: Uint8Array | TokenizerModel,
  { isMarker = isBracketed, cache = true }: TokenizerOptions = {},
): Tokenizer {
  const model = source instanceof Uint8Array ? parseModel(source) : source;
  const ids = checkModel(model);
  const encoder = createEncoder(model, ids, { isMarker, cache });
  return {
    model,
    idOf: (piece) => ids.get(piece),
    encode: (text, options = {}) => encode(text, options, encoder, model.beginId),
    decode: (ids, options) => decodeIds(model, ids, options),
    createTextStream: (options) => createModelTextStream(model, options),
  };
}

function isBracketed(piece: string): boolean {
  return /^(\[.+\]|<.+>)$/s.test(piece);
}

function encode(
  text: string | readonly TextSpan[],
  { parseSpecial, addBos = false }: EncodeOptions,
  encoder: Encoder,
  beginId: number,
): Int32Array {
  const ids = encoder(joinSpans(spansOf(text, parseSpecial)));
  if (!addBos) return Int32Array.from(ids);
  if (beginId === -1) {
    throw new TypeError('Encoding with addBos: the model has no piece that begins a text');
  }
  return Int32Array.from([beginId, ...ids]);
}

function spansOf(
  text: string | readonly TextSpan[],
  parseSpecial: ParseSpecial | undefined,
): readonly TextSpan[] {
  if (typeof text === 'string') return [{ text, parseSpecial: parseSpecial ?? 'none' }];
  if (parseSpecial === undefined) return text;
  throw new TypeError('Encoding spans: give parseSpecial in each span, not in the options');
}

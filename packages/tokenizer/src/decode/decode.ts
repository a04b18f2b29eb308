import type { TokenizerModel } from '../model/model.ts';
import { createModelTextStream, type TextStreamOptions } from './text-stream.ts';

export interface DecodeOptions {
  /**
   * `skip` (default) leaves control and unknown pieces out; `keep` spells them;
   * `keep-as-reference` spells them with the spaces that the published wrapper puts around them.
   */
  readonly controls?: 'skip' | 'keep' | 'keep-as-reference';
}

/** The text of ids; bytes that form no character become U+FFFD, one for each byte. */
export function decodeIds(
  model: TokenizerModel,
  ids: Iterable<number>,
  { controls = 'skip' }: DecodeOptions = {},
): string {
  if (controls === 'keep-as-reference') return decodeAsReference(model, ids);
  return decodePlainly(model, ids, { controls });
}

function decodePlainly(
  model: TokenizerModel,
  ids: Iterable<number>,
  options: TextStreamOptions,
): string {
  const stream = createModelTextStream(model, options);
  let text = '';
  for (const id of ids) text += stream.push(id);
  return text + stream.end();
}

/**
 * The published wrapper puts a space before every stretch that a control piece ends, the empty
 * stretch at the start included, but not between two control pieces (TOKENIZER, addendum).
 */
function decodeAsReference(model: TokenizerModel, ids: Iterable<number>): string {
  let text = '';
  let stretch: number[] = [];
  let afterControl = false;
  for (const id of ids) {
    const piece = model.pieces[id];
    if (piece?.type === 'control' || piece?.type === 'unknown') {
      const space = afterControl && stretch.length === 0 ? '' : ' ';
      text += space + decodePlainly(model, stretch, {}) + piece.text;
      stretch = [];
      afterControl = true;
    } else {
      stretch.push(id);
    }
  }
  return text + decodePlainly(model, stretch, {});
}

import type { TextStream, TurnEndCutter } from '@lingbi/tokenizer';

/** Tokens to text, whole to the character and up to what ends it. */
export interface TextWriter {
  /** All text so far. */
  readonly text: string;
  /** The text that became certain with this token. */
  push(token: number): string;
  /** What was held back; call once, after the last token. */
  end(): string;
  /** Another writer that goes on from here; neither knows of the other. */
  copy(): TextWriter;
}

/** What may end a text. */
export type TextCutter = Pick<TurnEndCutter, 'push' | 'end'> & { copy(): TextCutter };

/** Gives out all that it gets. */
export const uncut: TextCutter = { push: (text) => text, end: () => '', copy: () => uncut };

export function createTextWriter(
  characters: TextStream,
  cutter: TextCutter,
  start = '',
): TextWriter {
  let text = start;
  const write = (part: string) => {
    text += part;
    return part;
  };
  return {
    get text() {
      return text;
    },
    push: (token) => write(cutter.push(characters.push(token))),
    end: () => write(cutter.push(characters.end()) + cutter.end()),
    copy: () => createTextWriter(characters.copy(), cutter.copy(), text),
  };
}

/** The text of tokens that are all there, by a writer that has got none yet. */
export function writeAll(writer: TextWriter, tokens: readonly number[]): string {
  for (const token of tokens) writer.push(token);
  writer.end();
  return writer.text;
}

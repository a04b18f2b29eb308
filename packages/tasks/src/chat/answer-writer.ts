import { createTurnEndCutter, type Tokenizer, xcomposer2d5 } from '@lingbi/tokenizer';

/** Tokens to text, whole to the character and up to what ends the answer. */
export interface AnswerWriter {
  /** All text so far. */
  readonly text: string;
  /** The text that became certain with this token. */
  push(token: number): string;
  /** What was held back; call once, after the last token. */
  end(): string;
}

/** The answer ends before the mark that closes the turn, or before a stop string. */
export function createAnswerWriter(
  tokenizer: Tokenizer,
  stopStrings: readonly string[] = [],
): AnswerWriter {
  const characters = tokenizer.createTextStream();
  const turnEndSpellings = [...xcomposer2d5.turnEndSpellings, ...stopStrings];
  const turn = createTurnEndCutter({ ...xcomposer2d5, turnEndSpellings });
  let text = '';
  const write = (part: string) => {
    text += part;
    return part;
  };
  return {
    get text() {
      return text;
    },
    push: (token) => write(turn.push(characters.push(token))),
    end: () => write(turn.push(characters.end()) + turn.end()),
  };
}

/** The text of tokens that are all there. */
export function answerText(
  tokenizer: Tokenizer,
  tokens: readonly number[],
  stopStrings: readonly string[] = [],
): string {
  const writer = createAnswerWriter(tokenizer, stopStrings);
  for (const token of tokens) writer.push(token);
  writer.end();
  return writer.text;
}

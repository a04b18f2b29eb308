import { createTurnEndCutter, type Tokenizer, xcomposer2d5 } from '@lingbi/tokenizer';
import { createTextWriter, type TextWriter } from '../text/text-writer.ts';

/** The answer ends before the mark that closes the turn, or before a stop string. */
export function createAnswerWriter(
  tokenizer: Tokenizer,
  stopStrings: readonly string[] = [],
): TextWriter {
  const turnEndSpellings = [...xcomposer2d5.turnEndSpellings, ...stopStrings];
  const cutter = createTurnEndCutter({ ...xcomposer2d5, turnEndSpellings });
  return createTextWriter(tokenizer.createTextStream(), cutter);
}

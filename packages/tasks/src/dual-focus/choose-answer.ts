import type { ChatTurn } from '@lingbi/tokenizer';
import type { Picture } from '@lingbi/vision';
import { asPixels } from '../captions/video/pixels.ts';
import type { DualFocusOptions, FocusedAnswer } from './dual-focus.ts';
import { focusPrompts } from './focus-prompts.ts';
import { readLetter } from './read-letter.ts';

/** Two answers and what they answer. */
export interface Comparison {
  readonly macro: string;
  readonly micro: string;
  readonly question: string;
  readonly pictures: readonly Picture[];
  readonly history: readonly ChatTurn[];
}

/** The answer that won, and how. */
export type Choice = Pick<FocusedAnswer, 'answer' | 'focus' | 'losses'>;

/** With options a letter decides where only one answer names one; else the likelier answer wins. */
export async function chooseAnswer(both: Comparison, options: DualFocusOptions): Promise<Choice> {
  const { macro, micro } = both;
  const known = options.options;
  if (!known) return compare(both, [macro, micro], options);
  const letters = [readLetter(macro, known), readLetter(micro, known)] as const;
  const letter = (index: number) => 'ABCD'[index]!;
  const [first, second] = letters;
  if (first === undefined && second === undefined) return { answer: macro, focus: 'macro' };
  if (second === undefined) return { answer: letter(first!), focus: 'macro' };
  if (first === undefined) return { answer: letter(second), focus: 'micro' };
  const compared = await compare(both, [known[first]!, known[second]!], options);
  return { ...compared, answer: letter(compared.focus === 'macro' ? first : second) };
}

async function compare(
  { macro, micro, question, pictures, history }: Comparison,
  answers: readonly [string, string],
  { scorer, form, options, signal }: DualFocusOptions,
): Promise<Choice> {
  const query = focusPrompts.score[form ?? (options ? 'mmbench' : 'textvqa')](question);
  const scores = await scorer.meanLosses({
    prompt: { format: 'chat', query, history },
    images: pictures.map(asPixels),
    answers,
    ...(signal && { signal }),
  });
  const losses = [scores[0]!, scores[1]!] as const;
  return losses[1] < losses[0]
    ? { answer: micro, focus: 'micro', losses }
    : { answer: macro, focus: 'macro', losses };
}

import { imageHere } from '../writer/markers.ts';

/** The questions of DualFocus; `<image>` of the original is our place of a picture (§8). */
export const focusPrompts = {
  /** The plain answer, to the question with its options and hints. */
  macro: (full: string): string => `${imageHere}\n${full}`,
  box: (question: string): string =>
    `${imageHere}\nPlease provide the bounding box coordinate of the region this question asks: ${question}`,
  micro: (full: string): string =>
    `${imageHere}\nPlease combine the information from these two images and answer this question: ${full}`,
  /** What the scored answers answer, in the words of each benchmark. */
  score: {
    textvqa: (question: string): string =>
      `${imageHere}\nPlease combine the information from these two images and answer this question:${question}\nAnswer the question using a single word or phrase`,
    seed: (question: string): string =>
      `${imageHere}\nPlease combine the information from these two images and answer this question: ${question}\nAnswer the question using a single word or phrase`,
    gqa: (question: string): string =>
      `${imageHere}\n${question}\nAnswer the question using a single word or phrase.`,
    mmbench: (question: string): string =>
      `${imageHere}\nPlease combine the information from these two images and answer this question: ${question} Answer the question using a single word or phrase.`,
  },
} as const;

/** With options: asked for a letter, as MMBench does. */
export function withOptions(question: string, options: readonly string[]): string {
  const lines = options.map((option, i) => `${'ABCD'[i]}. ${option}`);
  return [
    question,
    ...lines,
    "Answer with the option's letter from the given choices directly.",
  ].join('\n');
}

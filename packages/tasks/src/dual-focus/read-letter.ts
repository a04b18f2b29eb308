/**
 * Which option an answer means: its first character where that is a letter of one, else the option
 * that holds the answer or is held by it, whatever the case (spec SIDE_PROJECTS §8).
 */
export function readLetter(answer: string, options: readonly string[]): number | undefined {
  const text = answer.trim().toLowerCase();
  if (text === '') return undefined;
  const letter = 'abcd'.slice(0, options.length).indexOf(text.charAt(0));
  if (letter >= 0) return letter;
  const found = options.findIndex((option) => {
    const known = option.toLowerCase();
    return known.includes(text) || text.includes(known);
  });
  return found < 0 ? undefined : found;
}

/** Names of candidates, in order. */
export const letters = 'ABCDEFGHIJ';

/** Which candidate an answer names: the first letter that is one, else the first (spec RECIPES §4.5). */
export function readChoice(answer: string, candidates: number): number {
  const known = letters.slice(0, candidates);
  const found = [...answer].find((letter) => known.includes(letter));
  return found === undefined ? 0 : known.indexOf(found);
}

/**
 * The article between the pictures chosen so far: sections after one position up to and including
 * the next, each with a line feed (spec RECIPES §4.5).
 */
export function contextsOf(sections: readonly string[], positions: readonly number[]): string[] {
  return positions.map((position, k) => {
    const from = k === 0 ? 0 : positions[k - 1]! + 1;
    return sections
      .slice(from, position + 1)
      .map((text) => `${text}\n`)
      .join('');
  });
}

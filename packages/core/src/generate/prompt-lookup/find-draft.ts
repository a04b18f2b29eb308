/** What stands for a picture: it is never drafted, and nothing matches across it. */
export const NO_TOKEN = -1;
/** How many tokens must have come before in the same order; the more, the likelier is what followed. */
const LONGEST_MATCH = 3;
const SHORTEST_MATCH = 2;

/**
 * At most `count` tokens that may come next: those that followed where the last few tokens stood
 * before, the latest such place. Prompt lookup decoding, Saxena 2023.
 */
export function findDraft(past: readonly number[], count: number): readonly number[] {
  if (count < 1) return [];
  for (let length = LONGEST_MATCH; length >= SHORTEST_MATCH; length--) {
    const end = lastMatch(past, length);
    if (end !== undefined) return beforePicture(past.slice(end, end + count));
  }
  return [];
}

/** Where the latest earlier occurrence of the last `length` tokens ends, if something else follows. */
function lastMatch(past: readonly number[], length: number): number | undefined {
  for (let end = past.length - 1; end >= length; end--) {
    if (past[end] !== NO_TOKEN && isMatch(past, end, length)) return end;
  }
  return undefined;
}

function isMatch(past: readonly number[], end: number, length: number): boolean {
  for (let back = 1; back <= length; back++) {
    const token = past[past.length - back]!;
    if (token === NO_TOKEN || past[end - back] !== token) return false;
  }
  return true;
}

function beforePicture(draft: readonly number[]): readonly number[] {
  const picture = draft.indexOf(NO_TOKEN);
  return picture < 0 ? draft : draft.slice(0, picture);
}

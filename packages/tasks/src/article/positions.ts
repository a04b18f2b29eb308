/**
 * Where pictures go, out of an answer such as `<Seg2>, <Seg5>`: sections after which one is
 * inserted. Models repeat themselves and miscount, so doubles go, numbers beyond the end mean the
 * last section, and the order is that of the article (spec RECIPES §4.2).
 */
export function readPositions(
  answer: string,
  sections: number,
  count: number = Number.POSITIVE_INFINITY,
): number[] {
  if (sections === 0) return [];
  const numbers = [...answer.matchAll(/<Seg([0-9]*)>/g)]
    .map(([, digits]) => digits!)
    .filter((digits) => digits !== '')
    .map((digits) => Math.min(Number(digits), sections - 1));
  return [...new Set(numbers)].slice(0, count).sort((a, b) => a - b);
}

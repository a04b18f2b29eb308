/** Tokens of the largest grid of so many tiles of 560 pixels: 2,941 for 6 (spec MODEL §8). */
const tokensAtMost = (hdNum: number) => 420 * hdNum + 421;

/**
 * The most tiles, up to `wanted`, with which so many pictures surely fit beside a text. At least 1:
 * whether that fits, the writer says.
 */
export function fittingHdNum(
  pictures: number,
  textTokens: number,
  { wanted, maxPromptTokens }: { readonly wanted: number; readonly maxPromptTokens: number },
): number {
  const room = maxPromptTokens - textTokens;
  let hdNum = wanted;
  while (hdNum > 1 && pictures * tokensAtMost(hdNum) > room) hdNum--;
  return hdNum;
}

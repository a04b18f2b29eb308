/** A caption that was found for a picture after a section. */
export interface PlacedCaption {
  readonly section: number;
  readonly caption: string;
}

/**
 * Earlier captions as the prompt for the next one tells them; empty for the first. Ends in a full
 * stop, as in the reference, which cuts the last comma and space off (spec RECIPES §4.3).
 */
export function pastCaptions(captions: readonly PlacedCaption[]): string {
  if (captions.length === 0) return '';
  const told = captions.map(
    ({ section, caption }) => `<Seg${section}>后插入图像对应的标题是"${caption}"`,
  );
  return `现在${told.join('， ')}。`;
}

/** 2.5: up to the last quote; without one the first line (spec RECIPES §4.3). */
export function captionBeforeLastQuote(answer: string): string {
  return answer.includes('"') ? answer.slice(0, answer.lastIndexOf('"')) : firstLine(answer);
}

/** 2.0 and 1.0: up to the first quote (spec RECIPES §5, §6). */
export function captionBeforeFirstQuote(answer: string): string {
  return answer.includes('"') ? answer.slice(0, answer.indexOf('"')).trim() : firstLine(answer);
}

function firstLine(answer: string): string {
  return answer.trim().split('\n')[0]!.trim();
}

/** The most sections that the demos handle (spec RECIPES §4.1). */
const MAX_SECTIONS = 60;

/** An article's paragraphs: lines with something in them, at most 60 (spec RECIPES §4.1). */
export function splitSections(text: string): string[] {
  return text
    .trim()
    .replaceAll(/(\n\s*)+/g, '\n')
    .split('\n')
    .filter((section) => section !== '')
    .slice(0, MAX_SECTIONS);
}

/** Sections as the model is shown them, each with its number from 0. */
export function numberSections(sections: readonly string[]): string {
  return sections.map((text, i) => `<Seg${i}> ${text}\n`).join('');
}

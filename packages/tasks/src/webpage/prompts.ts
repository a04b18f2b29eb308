/** What the web recipes ask, to the letter: the leading spaces belong to it (spec RECIPES §1). */
export const webPrompts = {
  resume: ' Generate a personal page using the content in the resume:',
  events: ' Generate JavaScript events for the html code:',
  screenshot: ' Generate the HTML code of this web image with Tailwind CSS.',
} as const;

/** The recipes' names, which name their files. */
export const webLabels = {
  instruction: 'Instruction-aware Webpage Generation',
  resume: 'Resume-to-Personal Page',
  screenshot: 'Screenshot-to-Webpage',
} as const;

/** `Screenshot-to-Webpage.html` and its like (spec RECIPES §1). */
export function fileNameOf(label: string): string {
  return `${label.replaceAll(' ', '_')}.html`;
}

/** What the second pass of the résumé recipe adds to the page of the first (spec RECIPES §3.1). */

/** A page with its events, and whether there was a place for them. */
export interface MergedPage {
  readonly html: string;
  /** Where the events went; `nowhere` leaves the page as it was. */
  readonly place: 'scripts' | 'end' | 'nowhere';
}

/**
 * Puts JavaScript into a page. A page with scripts gets the code of every `<script>` without
 * attributes, before each `</script>`; a page without gets the whole answer before `</html>`.
 *
 * The reference writes the code of a page with scripts as a Python list (`['…\n…']`), which breaks
 * the page; here it is joined by line feeds. It also reads backslashes in the code as those of a
 * replacement pattern; here code is put in as it is.
 */
export function mergeEvents(html: string, answer: string): MergedPage {
  if (html.includes('</script>')) {
    const code = scriptBlocks(answer).join('\n');
    if (code.trim() === '') return { html, place: 'nowhere' };
    return { html: insertBefore(html, '</script>', `\n${code}\n`), place: 'scripts' };
  }
  if (html.includes('</html>')) {
    return { html: insertBefore(html, '</html>', `\n${answer}\n`), place: 'end' };
  }
  return { html, place: 'nowhere' };
}

function scriptBlocks(answer: string): string[] {
  return [...answer.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(([, code]) => code!);
}

/** Before every occurrence; `split` and `join` read nothing into the text. */
function insertBefore(html: string, tag: string, text: string): string {
  return html.split(tag).join(text + tag);
}

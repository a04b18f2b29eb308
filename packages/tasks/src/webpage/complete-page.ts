import { isWithoutDoctype, statesCharset } from './check-page.ts';
import {
  elementsWithoutEnd,
  isElement,
  mayStayOpen,
  nodesBelow,
  type PageElement,
  type ParsedPage,
  parsePage,
} from './parse-page.ts';

export interface CompletePageOptions {
  /** Puts `<!doctype html>` before a page that has none. Default false: it changes the layout. */
  readonly doctype?: boolean;
  /** Puts `<meta charset="utf-8">` into the head of a page that states no encoding. Default false. */
  readonly charset?: boolean;
}

/**
 * Closes what a page leaves open at its end, as happens when the model was cut off: a half tag goes,
 * a comment and elements are closed. A page that is whole stays to the byte.
 */
export function completePage(html: string, options: CompletePageOptions = {}): string {
  const closed = closeOpenEnds(html);
  const charset = options.charset ? withCharset(closed) : closed;
  if (!options.doctype || !isWithoutDoctype(parsePage(charset))) return charset;
  return `<!doctype html>\n${charset}`;
}

function closeOpenEnds(html: string): string {
  const whole = closeComment(cutHalfTag(html));
  const open = openAtEnd(parsePage(whole));
  if (open.every(mayStayOpen)) return whole;
  return whole + open.map(({ tagName }) => `</${tagName}>`).join('');
}

/** What is written of a tag at the end, `<a href="x`, is not shown; what comes before it is kept. */
function cutHalfTag(html: string): string {
  const page = parsePage(html);
  const codes = page.errors.map(({ code }) => code as string);
  if (codes.includes('eof-before-tag-name')) return html.replace(/<\/?$/, '');
  return codes.includes('eof-in-tag') ? html.slice(0, endOfLastToken(page)) : html;
}

function endOfLastToken({ document }: ParsedPage): number {
  let end = 0;
  for (const { sourceCodeLocation: place } of nodesBelow(document)) {
    if (!place) continue;
    const ends = 'startTag' in place ? [place.startTag?.endOffset, place.endTag?.endOffset] : [];
    const own = 'startTag' in place ? [] : [place.endOffset];
    for (const offset of [...ends, ...own]) if (offset && offset > end) end = offset;
  }
  return end;
}

function closeComment(html: string): string {
  const open = parsePage(html).errors.some(({ code }) => (code as string) === 'eof-in-comment');
  return open ? `${html}-->` : html;
}

/** Innermost first. */
function openAtEnd(page: ParsedPage): PageElement[] {
  return elementsWithoutEnd(page)
    .filter((element) => reaches(element, page.html.length))
    .reverse();
}

function reaches({ tagName, sourceCodeLocation }: PageElement, end: number): boolean {
  return closedByNoOther.has(tagName) || (sourceCodeLocation!.endOffset ?? end) >= end;
}

/** Open until their own end tag comes. parse5 tells no end for them when it never does. */
const closedByNoOther = new Set(
  'template script style title textarea xmp iframe noembed noframes'.split(' '),
);

function withCharset(html: string): string {
  const { document } = parsePage(html);
  const elements = [...nodesBelow(document)].filter(isElement);
  if (elements.some(statesCharset)) return html;
  const places = ['head', 'html'].map(
    (name) => elements.find(({ tagName }) => tagName === name)?.sourceCodeLocation?.startTag,
  );
  const doctype = document.childNodes.find(({ nodeName }) => nodeName === '#documentType');
  const at = (places[0] ?? places[1] ?? doctype?.sourceCodeLocation)?.endOffset ?? 0;
  return `${html.slice(0, at)}<meta charset="utf-8">${html.slice(at)}`;
}

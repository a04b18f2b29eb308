/** A page as a browser reads it, with the places its parts were read from. */
import { type DefaultTreeAdapterMap, html as names, type ParserError, parse } from 'parse5';

export type PageNode = DefaultTreeAdapterMap['node'];
export type PageElement = DefaultTreeAdapterMap['element'];

export interface ParsedPage {
  readonly html: string;
  readonly document: DefaultTreeAdapterMap['document'];
  readonly errors: readonly ParserError[];
}

export function parsePage(html: string): ParsedPage {
  const errors: ParserError[] = [];
  const onParseError = (error: ParserError) => errors.push(error);
  const document = parse(html, { sourceCodeLocationInfo: true, onParseError });
  return { html, document, errors };
}

/** All nodes below one, in the order of the text. Pages may nest deeply: no recursion. */
export function* nodesBelow(root: PageNode): Generator<PageNode> {
  const waiting: PageNode[] = [root];
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    yield node;
    for (const child of childrenOf(node).toReversed()) waiting.push(child);
  }
}

function childrenOf(node: PageNode): readonly PageNode[] {
  if ('content' in node) return node.content.childNodes;
  return 'childNodes' in node ? node.childNodes : [];
}

export function isElement(node: PageNode): node is PageElement {
  return 'tagName' in node;
}

/** The elements that were written with a start tag and no end tag, outermost first. */
export function elementsWithoutEnd({ document, html }: ParsedPage): PageElement[] {
  return [...nodesBelow(document)].filter((node): node is PageElement => {
    if (!isElement(node) || voidElements.has(node.tagName)) return false;
    const { startTag, endTag } = node.sourceCodeLocation ?? {};
    if (!startTag || endTag) return false;
    // `<path/>` ends itself, but only where the page is not HTML.
    return isHtml(node) || !html.endsWith('/>', startTag.endOffset);
  });
}

function isHtml({ namespaceURI }: PageElement): boolean {
  return namespaceURI === names.NS.HTML;
}

/** Whether the text may leave the element's end tag out (HTML §13.1.2.4). */
export function mayStayOpen({ tagName }: PageElement): boolean {
  return optionalEnds.has(tagName);
}

/** HTML §13.1.2, void elements, and the two that parsers still treat so. */
const voidElements = new Set(
  'area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr'.split(
    ' ',
  ),
);

const optionalEnds = new Set(
  'html head body li dt dd p rt rp optgroup option colgroup caption thead tbody tfoot tr td th'.split(
    ' ',
  ),
);

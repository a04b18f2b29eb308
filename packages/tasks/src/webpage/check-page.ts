import { type ErrorCodes, html as htmlNames } from 'parse5';
import {
  elementsWithoutEnd,
  isElement,
  mayStayOpen,
  nodesBelow,
  type PageElement,
  type ParsedPage,
  parsePage,
} from './parse-page.ts';

/** Something about a page that a browser forgives and its reader may not. Lines count from 1. */
export type PageProblem =
  /** Browsers then lay it out as in the nineties. The published samples have none either. */
  | { readonly type: 'missing-doctype' }
  /** From a disk, browsers then guess the encoding. */
  | { readonly type: 'missing-charset' }
  | { readonly type: 'unclosed-tag'; readonly tag: string; readonly line: number }
  /** Nothing in it is markup: the model answered something else. */
  | { readonly type: 'no-markup' }
  /** Another fault, by its name in the HTML standard. */
  | { readonly type: 'markup'; readonly code: string; readonly line: number };

/** What is wrong with a page, in the order of its text. An empty list does not say it is beautiful. */
export function checkPage(html: string): PageProblem[] {
  const page = parsePage(html);
  const elements = [...nodesBelow(page.document)].filter(isElement);
  if (!elements.some(({ sourceCodeLocation }) => sourceCodeLocation))
    return [{ type: 'no-markup' }];
  const head: PageProblem[] = [
    ...(isWithoutDoctype(page) ? [{ type: 'missing-doctype' } as const] : []),
    ...(elements.some(statesCharset) ? [] : [{ type: 'missing-charset' } as const]),
  ];
  return [...head, ...unclosedTags(page), ...otherFaults(page)];
}

export function isWithoutDoctype({ document }: ParsedPage): boolean {
  return !document.childNodes.some(({ nodeName }) => nodeName === '#documentType');
}

export function statesCharset({ tagName, attrs }: PageElement): boolean {
  if (tagName !== htmlNames.TAG_NAMES.META) return false;
  const of = (name: string) => attrs.find((attribute) => attribute.name === name)?.value;
  const states = /charset\s*=/i.test(of('content') ?? '');
  return (
    of('charset') !== undefined || (of('http-equiv')?.toLowerCase() === 'content-type' && states)
  );
}

function unclosedTags(page: ParsedPage): PageProblem[] {
  return elementsWithoutEnd(page)
    .filter((element) => !mayStayOpen(element))
    .map(({ tagName: tag, sourceCodeLocation }) => {
      return { type: 'unclosed-tag', tag, line: sourceCodeLocation!.startLine };
    });
}

/** Said already in better words. */
const known: readonly string[] = [
  'missing-doctype' satisfies `${ErrorCodes}`,
  'eof-in-element-that-can-contain-only-text' satisfies `${ErrorCodes}`,
];

function otherFaults({ errors }: ParsedPage): PageProblem[] {
  return errors
    .filter(({ code }) => !known.includes(code))
    .map(({ code, startLine: line }) => ({ type: 'markup', code, line }));
}

import { type DefaultTreeAdapterMap, defaultTreeAdapter, html as names, serialize } from 'parse5';
import { isElement, type PageElement, type PageNode, parsePage } from '../parse-page.ts';
import { linkAddress, pictureAddress, stylesheetAddress } from './clean-address.ts';
import { cleanCss } from './clean-css.ts';

type ParentNode = DefaultTreeAdapterMap['parentNode'];
type Attribute = PageElement['attrs'][number];

/** What was taken out, to tell whoever looks at the page. */
export interface SanitizedPage {
  readonly html: string;
  /** `script`, `a[onclick]`, `p[style]` (perhaps only a part of it), in the order of the page. */
  readonly removed: readonly string[];
}

/**
 * The page as a still picture of itself: what shows text, layout and pictures stays, what could run,
 * send, embed or lead astray goes. It is read by the rules of browsers (parse5) and written anew
 * from a list of what is allowed, so nothing a browser would read otherwise is left.
 *
 * It still loads pictures over the network, and Tailwind's stylesheet where the page links it; show
 * it in `sandboxPage` to say which hosts may be asked.
 */
export function sanitizePage(html: string): SanitizedPage {
  const removed = new Set<string>();
  const { document } = parsePage(html);
  const clean = defaultTreeAdapter.createDocument();
  defaultTreeAdapter.setDocumentType(clean, 'html', '', '');
  copyChildren(document, clean, removed);
  return { html: serialize(clean), removed: [...removed] };
}

/** Copies what is allowed. A stack of its own: a page may nest deeper than calls can. */
function copyChildren(from: ParentNode, to: ParentNode, removed: Set<string>): void {
  const waiting: { node: PageNode; parent: ParentNode }[] = [];
  const queue = (source: ParentNode, parent: ParentNode) => {
    for (const node of source.childNodes.toReversed()) waiting.push({ node, parent });
  };
  queue(from, to);
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const copied = copyNode(next.node, next.parent, removed);
    if (copied) queue(next.node as ParentNode, copied);
  }
}

/** Returns where the node's children go; nothing when they go nowhere. */
function copyNode(
  node: PageNode,
  parent: ParentNode,
  removed: Set<string>,
): ParentNode | undefined {
  if (node.nodeName === '#text') {
    defaultTreeAdapter.insertText(parent, (node as DefaultTreeAdapterMap['textNode']).value);
    return undefined;
  }
  if (!isElement(node)) return undefined;
  if (node.tagName === 'style') return copyStyle(node, parent, removed);
  return allowed(node) ? copyElement(node, parent, removed) : leaveOut(node, parent, removed);
}

/**
 * Elements that only wrap give way to what they hold; others go with all they hold. SVG and MathML
 * are among these, so nothing that is copied was ever read by other rules than those of HTML.
 */
function leaveOut(
  node: PageElement,
  parent: ParentNode,
  removed: Set<string>,
): ParentNode | undefined {
  removed.add(node.tagName);
  return unwrapped.has(node.tagName) ? parent : undefined;
}

function copyElement(node: PageElement, parent: ParentNode, removed: Set<string>): PageElement {
  const attributes = node.attrs.flatMap((attribute) => {
    const clean = cleanAttribute(node.tagName, attribute);
    const whole = clean && (attribute.name !== 'style' || clean.value === attribute.value);
    if (!whole) removed.add(`${node.tagName}[${attribute.name}]`);
    return clean ? [clean] : [];
  });
  return append(node.tagName, attributes, parent);
}

function copyStyle(node: PageElement, parent: ParentNode, removed: Set<string>): undefined {
  const css = node.childNodes.map((child) => ('value' in child ? child.value : '')).join('');
  const clean = cleanCss(css);
  if (clean !== css) removed.add('style');
  defaultTreeAdapter.insertText(append('style', [], parent), clean);
}

function append(tagName: string, attributes: Attribute[], parent: ParentNode): PageElement {
  const element = defaultTreeAdapter.createElement(tagName, names.NS.HTML, attributes);
  defaultTreeAdapter.appendChild(parent, element);
  return element;
}

function allowed(node: PageElement): boolean {
  const of = (name: string) => node.attrs.find((attribute) => attribute.name === name)?.value ?? '';
  if (node.tagName === 'link') {
    return of('rel').toLowerCase() === 'stylesheet' && stylesheetAddress(of('href')) !== undefined;
  }
  // `http-equiv` can lead away and set policies: only an encoding, and the size of the screen, stay.
  if (node.tagName === 'meta')
    return of('charset') !== '' || of('name').toLowerCase() === 'viewport';
  return elements.has(node.tagName);
}

function cleanAttribute(tagName: string, { name, value }: Attribute): Attribute | undefined {
  const clean = cleanValue(tagName, name, value);
  return clean === undefined ? undefined : { name, value: clean };
}

function cleanValue(tagName: string, name: string, value: string): string | undefined {
  if (name === 'style') return cleanCss(value);
  if (tagName === 'a' && name === 'href') return linkAddress(value);
  if (tagName === 'img' && name === 'src') return pictureAddress(value);
  if (tagName === 'link') return linkAttribute(name, value);
  if (tagName === 'meta') return metaAttribute(name, value);
  return attributes.has(name) || name.startsWith('aria-') ? value : undefined;
}

/** Any other encoding would let the bytes be read as something else. */
function metaAttribute(name: string, value: string): string | undefined {
  if (name === 'charset') return 'utf-8';
  return name === 'name' || name === 'content' ? value : undefined;
}

function linkAttribute(name: string, value: string): string | undefined {
  if (name === 'rel') return 'stylesheet';
  return name === 'href' ? stylesheetAddress(value) : undefined;
}

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '));

/** What shows text, layout, pictures and controls that do nothing. */
const elements = words(
  'html head title body link meta ' +
    'header footer main nav section article aside address hgroup h1 h2 h3 h4 h5 h6 ' +
    'p div span br wbr hr pre blockquote q cite abbr dfn time data code kbd samp var ' +
    'b i u s em strong small mark sub sup del ins bdi bdo ruby rt rp font center ' +
    'ul ol li dl dt dd menu a img figure figcaption picture ' +
    'table caption colgroup col thead tbody tfoot tr th td ' +
    'button input label select option optgroup textarea fieldset legend progress meter output ' +
    'details summary',
);

/** Not allowed themselves; what they hold may be. */
const unwrapped = words('form dialog search marquee nobr blink big tt strike acronym slot');

const attributes = words(
  'class id title alt lang dir width height align valign bgcolor border color face size ' +
    'cellpadding cellspacing colspan rowspan scope span start reversed type value placeholder ' +
    'checked disabled readonly selected multiple min max step rows cols label for open role datetime',
);

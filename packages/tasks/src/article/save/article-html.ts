import { type Article, type ArticleSection, shownPicture } from '../article.ts';

/**
 * An article as a page that runs nothing: texts are texts, whatever the model wrote. Pictures are
 * named by their files, or by what `address` says, such as a data URI.
 */
export function articleHtml(
  article: Article,
  address: (file: string) => string = encodeURI,
): string {
  return [
    '<!doctype html>',
    '<html>',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeHtml(article.instruction)}</title>`,
    '<style>body{max-width:42rem;margin:2rem auto;padding:0 1rem;font:1rem/1.7 system-ui,sans-serif}',
    'figure{margin:2rem 0;text-align:center}img{max-width:100%}figcaption{color:#555}</style>',
    '</head>',
    '<body>',
    ...article.sections.flatMap((section) => sectionHtml(section, address)),
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

function sectionHtml(section: ArticleSection, address: (file: string) => string): string[] {
  const text = `<p>${escapeHtml(section.text)}</p>`;
  const picture = shownPicture(section);
  if (!picture) return [text];
  const caption = escapeHtml(section.picture!.caption);
  const image = `<img src="${escapeHtml(address(picture.file))}" alt="${caption}">`;
  return [text, `<figure>${image}<figcaption>${caption}</figcaption></figure>`];
}

function escapeHtml(text: string): string {
  const escapes: Record<string, string> = { '&': '&amp;', '"': '&quot;', '<': '&lt;', '>': '&gt;' };
  return text.replace(/[&"<>]/g, (character) => escapes[character]!);
}

import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { parse } from 'parse5';
import { describe, expect, test } from 'vitest';
import { isElement, nodesBelow } from '../parse-page.ts';
import { cleanCss } from './clean-css.ts';
import { sanitizePage } from './sanitize-page.ts';

/** The body, without the page that parsing puts around it. */
const body = (html: string) => /<body>([\s\S]*)<\/body>/.exec(sanitizePage(html).html)![1];

describe('the sanitised page loses', () => {
  test.each([
    ['scripts', '<script>alert(1)</script>x', 'x'],
    [
      'modules and their preloads',
      '<link rel=modulepreload href=//x><script type=module src=//x></script>',
      '',
    ],
    ['event handlers', '<p onclick=alert(1) ONLOAD=x>x', '<p>x</p>'],
    ['scripts as addresses', '<a href="javascript:alert(1)">x</a>', '<a>x</a>'],
    ['scripts hidden by white space', '<a href=" java\tscri\npt:alert(1)">x</a>', '<a>x</a>'],
    ['scripts hidden by entities', '<a href="&#x6a;avascript&colon;alert(1)">x</a>', '<a>x</a>'],
    ['data as links', '<a href="data:text/html,<script>1</script>">x</a>', '<a>x</a>'],
    ['addresses of its own host', '<a href="/logout"><img src="pay?to=me"></a>', '<a><img></a>'],
    ['files', '<img src="file:///etc/passwd">', '<img>'],
    ['SVG as picture', '<img src="data:image/svg+xml;base64,AAAA">', '<img>'],
    [
      'SVG with scripts',
      '<svg onload=1><script>1</script><a xlink:href="javascript:1"/></svg>x',
      'x',
    ],
    [
      'foreign content that ends in HTML',
      '<math><mtext><table><mglyph><style><img src=x onerror=1>',
      '',
    ],
    [
      'frames',
      '<iframe srcdoc="<script>1</script>"></iframe><frameset><frame src=x></frameset>',
      '',
    ],
    ['embedded things', '<object data=x><embed src=x></object><applet code=x></applet>', ''],
    [
      'forms, keeping their fields',
      '<form action=//x><input name=a value=b formaction=//x></form>',
      '<input value="b">',
    ],
    ['templates', '<template><script>1</script></template>x', 'x'],
    ['noscript', '<noscript><p title="</noscript><img src=x onerror=1>"></noscript>', '<img>"&gt;'],
    ['comments', '<!--[if IE]><script>1</script><![endif]-->x', 'x'],
    ['unknown elements', '<x-y onclick=1><b>x</b></x-y>', ''],
    ['media', '<video src=//x><audio autoplay src=//y></audio></video>', ''],
    ['backgrounds', '<body background=//x><table background=//y></table>', '<table></table>'],
    [
      'what fetches on its own',
      '<a ping=//x target=_blank>x</a><img srcset=//x lowsrc=//y>',
      '<a>x</a><img>',
    ],
    [
      'styles that fetch',
      '<p style="color:red;background:url(//x)">',
      '<p style="color:red;"></p>',
    ],
    ['styles that hide it', '<p style="background:u\\72l(//x)">', '<p style=""></p>'],
  ])('%s', (_, html, left) => {
    expect(body(html)).toBe(left);
  });

  test.each([
    ['a way elsewhere', '<meta http-equiv=refresh content="0;url=//x">'],
    ['another base', '<base href="//x">'],
    ['imported styles', '<style>@import "//x"; @import url(//y);</style>'],
    ['fonts', '<style>@font-face{src:url(//x)}</style>'],
    ['styles that end their element', '<style>a{}</style\n><img src=x onerror=1>'],
    [
      'other stylesheets',
      '<link rel=stylesheet href="https://cdn.jsdelivr.net/npm/tailwindcss@2/../../evil/x.css">',
    ],
    ['icons', '<link rel=icon href="https://cdn.jsdelivr.net/x.png">'],
    ['a policy of its own', '<meta http-equiv=Content-Security-Policy content=9 charset=utf-8>'],
  ])('%s', (_, html) => {
    expect(sanitizePage(html).html).not.toMatch(/\/\/|x|onerror|http-equiv/);
  });
});

describe('the sanitised page keeps', () => {
  test.each([
    '<h1 class="a" id="b" style="color: red">x</h1>',
    '<a href="https://example.com/a?b=c#d">x</a><a href="#top">x</a><a href="mailto:a@b.c">x</a>',
    '<img src="https://picsum.photos/8/6" alt="x" width="8">',
    '<img src="data:image/png;base64,iVBORw0KGgo=">',
    '<table><tbody><tr><td colspan="2">x</td></tr></tbody></table>',
    '<button disabled="">x</button><details open=""><summary>x</summary>y</details>',
    '1 &lt; 2 &amp; 3',
  ])('%s', (html) => {
    expect(body(html)).toBe(html);
  });

  test('styles without what fetches', () => {
    const { html } = sanitizePage(
      '<style>a{color:red} /* b */ @media (width>9px){b{top:0}}</style>',
    );
    expect(html).toContain('<style>a{color:red}   @media (width>9px){b{top:0}}</style>');
  });

  test('an encoding, which is always UTF-8', () => {
    expect(sanitizePage('<meta charset=iso-2022-jp>').html).toContain('<meta charset="utf-8">');
  });
});

test('it tells what it took out', () => {
  const html =
    '<script>1</script><p onclick=1 style="top:url(x)"><a href="javascript:1">x</a><script>2</script>';
  expect(sanitizePage(html).removed).toEqual(['script', 'p[onclick]', 'p[style]', 'a[href]']);
});

test('it keeps the published pages but for what they cannot do', () => {
  const pages = new URL('../../../../../fixtures/pages/', import.meta.url);
  const published = readdirSync(pages).filter((name) => name.endsWith('.html'));
  for (const name of published) {
    const { html, removed } = sanitizePage(readFileSync(new URL(name, pages), 'utf8'));
    expect(removed).toEqual([]);
    expect(html).toContain('tailwindcss@2.2.19/dist/tailwind.min.css');
    expect(sanitizePage(html).html).toBe(html);
  }
});

test('a page may nest fifty thousand deep', () => {
  const deep = '<b><div>'.repeat(50) + '<span>'.repeat(50_000);
  expect(sanitizePage(deep).html.length).toBeGreaterThan(50_000);
});

/** Attributes whose text is shown, and never followed. */
const isShown = /^(title|alt)$/;

/** Everything that a browser would find in the page and could act on. */
function dangers(html: string): string[] {
  return [...nodesBelow(parse(html))]
    .filter(isElement)
    .flatMap(({ tagName, attrs, childNodes }) => [
      ...(/^(script|iframe|object|embed|base|form|svg|math|template|frame|noscript)$/.test(tagName)
        ? [tagName]
        : []),
      ...attrs
        .filter(
          ({ name, value }) =>
            /^on|^http-equiv|^srcdoc|action$/.test(name) ||
            (/script:/i.test(value) && !isShown.test(name)),
        )
        .map(({ name }) => `${tagName}[${name}]`),
      ...(tagName === 'style' &&
      /url|import|\\/i.test(childNodes.map((node) => ('value' in node ? node.value : '')).join(''))
        ? ['style']
        : []),
    ]);
}

test('whatever is thrown at it, a browser finds nothing to act on', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      ...[
        '<script>',
        '</script>',
        '<svg>',
        '</svg>',
        '<math>',
        '<mtext>',
        '<mglyph>',
        '<style>',
        '</style>',
      ],
      ...[
        '<foreignObject>',
        '<annotation-xml encoding="text/html">',
        '<desc>',
        '<title>',
        '</title>',
        '<table>',
      ],
      ...[
        '<textarea>',
        '</textarea>',
        '<noscript>',
        '</noscript>',
        '<template>',
        '</template>',
        '<select>',
        '<option>',
      ],
      ...[
        '<form>',
        '</form>',
        '<a href="javascript:1">',
        '<img src=x onerror=1>',
        '<iframe src=x>',
        '</iframe>',
      ],
      ...[
        '<base href=x>',
        '<meta http-equiv=refresh content=0>',
        '<!--',
        '-->',
        '<![CDATA[',
        ']]>',
        '<plaintext>',
      ],
      ...[
        '<p title="',
        '">',
        "'",
        '"',
        '<',
        '>',
        '</',
        '&lt;script&gt;',
        'url(',
        '@import',
        '\\',
        '/*',
        '*/',
        '{',
        '}',
        ';',
      ],
      ...[
        '<p style="background:',
        'javascript:',
        '\0',
        '<br/>',
        '<frameset>',
        '<body onload=1>',
        '<html onclick=1>',
      ],
    ),
    fc.string({ maxLength: 4 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const { html } = sanitizePage(pieces.join(''));
      expect(dangers(html)).toEqual([]);
      expect(dangers(sanitizePage(html).html)).toEqual([]);
    }),
    { numRuns: 2000, examples: [[['<p title="', 'javascript:', '"', '<script>']]] },
  );
});

test('no style gets through that fetches, whatever its pieces', () => {
  const piece = fc.constantFrom(
    ...[
      'url',
      '(',
      ')',
      'URL(',
      '@import',
      ' ',
      '"',
      "'",
      ';',
      '{',
      '}',
      ':',
      'a',
      '/*',
      '*/',
      '*',
      '/',
      '\\',
      '\n',
      '<',
      'image-set(',
    ],
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      expect(cleanCss(pieces.join(''))).not.toMatch(/url\s*\(|@import|image-set|\\|</i);
    }),
    { numRuns: 3000 },
  );
});

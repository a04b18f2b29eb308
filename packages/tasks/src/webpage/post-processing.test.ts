import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkPage, completePage, finishPage, mergeEvents, replacePictures } from './index.ts';

const pages = new URL('../../../../fixtures/pages/', import.meta.url);
const published = readdirSync(pages)
  .filter((name) => name.endsWith('.html'))
  .map((name) => ({ name, html: readFileSync(new URL(name, pages), 'utf8') }));

const wanted = '<img src="https://source.unsplash.com/random/800x600/?lab,logo">';

describe('pictures that a page wants', () => {
  test.each([
    ['random', '<img src="https://picsum.photos/800/600">'],
    ['placeholder', '<img src="https://placehold.co/800x600">'],
    ['keep', wanted],
  ] as const)('%s', async (pictures, html) => {
    expect(await replacePictures(wanted, pictures)).toBe(html);
  });

  test('come from the caller, who is told their size and what they show', async () => {
    const seen: object[] = [];
    const local = async (picture: object) => {
      seen.push(picture);
      return `pictures/"${seen.length}".png`;
    };
    const html = await replacePictures(`${wanted} and ${wanted}`, { local });
    expect(seen[0]).toEqual({ width: 800, height: 600, keywords: 'lab,logo' });
    expect(html).toBe('<img src="pictures/%221%22.png"> and <img src="pictures/%222%22.png">');
  });

  test('end where an address without quotes ends', async () => {
    const css = 'a { background: url(https://source.unsplash.com/random/8x6/?sky) } b { x: "y" }';
    expect(await replacePictures(css, 'random')).toBe(
      'a { background: url(https://picsum.photos/8/6) } b { x: "y" }',
    );
  });

  test('of an unknown kind are an error', async () => {
    await expect(replacePictures(wanted, 'none' as 'keep')).rejects.toThrow("'random'");
  });
});

describe('events merged into a page', () => {
  const answer =
    '<script>a = /\\d$1$&/;</script> text <script type="x">no</script><script>b()</script>';

  test('go before the only end of a script, as code', () => {
    const html = '<html><script>first()</script></html>';
    expect(mergeEvents(html, answer)).toEqual({
      html: '<html><script>first()\na = /\\d$1$&/;\nb()\n</script></html>',
      place: 'scripts',
    });
  });

  test('go before every end of a script', () => {
    const { html } = mergeEvents('<script>1</script><script>2</script>', '<script>x</script>');
    expect(html).toBe('<script>1\nx\n</script><script>2\nx\n</script>');
  });

  test('go before the end of a page without scripts, as they were written', () => {
    expect(mergeEvents('<html></html>', answer)).toEqual({
      html: `<html>\n${answer}\n</html>`,
      place: 'end',
    });
  });

  test('find no place in a page without an end', () => {
    expect(mergeEvents('<p>Hi', answer)).toEqual({ html: '<p>Hi', place: 'nowhere' });
  });
});

describe.each(published)('the published $name', ({ html }) => {
  test('passes unchanged', async () => {
    expect(await finishPage(html)).toBe(html);
    expect(await finishPage(html, { pictures: 'placeholder' })).toBe(html);
  });

  test('has neither doctype nor encoding, and nothing else to blame', () => {
    expect(checkPage(html)).toEqual([{ type: 'missing-doctype' }, { type: 'missing-charset' }]);
  });

  test('gets both on request', () => {
    const completed = completePage(html, { doctype: true, charset: true });
    expect(completed).toBe(
      `<!doctype html>\n${html.replace('<html>', '<html><meta charset="utf-8">')}`,
    );
    expect(checkPage(completed)).toEqual([]);
    expect(completePage(completed, { doctype: true, charset: true })).toBe(completed);
  });

  test('cut anywhere, is closed, and only once', () => {
    for (let end = 40; end < html.length; end += 97) {
      const closed = completePage(html.slice(0, end));
      expect(checkPage(closed).filter(({ type }) => type === 'unclosed-tag')).toEqual([]);
      expect(completePage(closed)).toBe(closed);
    }
  });
});

describe('a page that was cut off', () => {
  test.each([
    ['<div><p>one', '<div><p>one</p></div>'],
    ['<ul><li>a<li>b', '<ul><li>a<li>b</li></ul>'],
    ['<div>x<a href="y', '<div>x</div>'],
    ['<div>x</di', '<div>x</div>'],
    ['<div>x<', '<div>x</div>'],
    ['<div><!-- half', '<div><!-- half--></div>'],
    ['<style>a{', '<style>a{</style>'],
    ['<script>let a = "<b>', '<script>let a = "<b></script>'],
    ['<p>whole<br><img src=x>', '<p>whole<br><img src=x>'],
    ['<svg><path d="M0"/><g>', '<svg><path d="M0"/><g></g></svg>'],
    ['', ''],
  ])('%j is closed', (cut, whole) => {
    expect(completePage(cut)).toBe(whole);
  });
});

describe('checks', () => {
  test('name the tag and the line', () => {
    const html = '<!doctype html><meta charset=utf-8>\n<p>\n<div>\n<b>x</div>';
    expect(checkPage(html)).toContainEqual({ type: 'unclosed-tag', tag: 'b', line: 4 });
  });

  test('see an encoding in the old spelling', () => {
    const html =
      '<!doctype html><meta http-equiv="Content-Type" content="text/html; charset=utf-8"><p>x';
    expect(checkPage(html)).toEqual([]);
  });

  test('see that there is no page', () => {
    expect(checkPage('I am sorry, but …')).toEqual([{ type: 'no-markup' }]);
  });
});

test('no text makes completion or checks fail', () => {
  const piece = fc.constantFrom(
    ...[
      '<div>',
      '</div>',
      '<p',
      '<!--',
      '-->',
      '<script>',
      '</script',
      '<table>',
      '<td>',
      '"',
      '>',
    ],
    ...[
      '<svg>',
      '<math>',
      '<template>',
      '<title>',
      '</',
      '<',
      'x',
      '<a href="',
      '<select>',
      '<br>',
    ],
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const completed = completePage(pieces.join(''));
      checkPage(completed);
    }),
    { numRuns: 1000 },
  );
});

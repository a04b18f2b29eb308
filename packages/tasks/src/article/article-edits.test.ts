import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { strFromU8, unzipSync } from 'fflate';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkPage } from '../webpage/index.ts';
import { queryOf, scriptedWriter } from '../writer/testing.ts';
import { pngOf, teaImages, teaWriter } from './compose/testing.ts';
import * as article from './index.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lingbi-edits-'));
});
afterEach(() => rm(folder, { recursive: true }));

const picture = {
  caption: 'a [cup] "of" tea',
  candidates: [{ id: '0', file: 'pictures/0-a.png' }],
  selected: 0,
};
const tea: article.Article = {
  instruction: 'Tea',
  sections: [{ text: 'One <b>', picture }, { text: 'Two' }, { text: 'Three' }],
};
const texts = ({ sections }: article.Article) => sections.map(({ text }) => text);

describe('a suggested edit', () => {
  test('asks for the section, its neighbours and what the user wants', async () => {
    const writer = teaWriter();
    const options = { instruction: 'more' };
    expect(await article.suggestEdit(writer, tea, 0, 'expand', options)).toContain('edited');
    await article.suggestEdit(writer, tea, 2, 'insert-after', options);
    await article.suggestEdit(writer, tea, 1, 'insert-before', options);
    expect(writer.requests.map(queryOf)).toEqual([
      '扩写以下段落：One <b>\n基于以下素材：more',
      '在以下两段中插入一段。\n第一段：Three\n第二段：\n插入段的大纲：more',
      '在以下两段中插入一段。\n第一段：One <b>\n第二段：Two\n插入段的大纲：more',
    ]);
    expect(writer.requests[0]).not.toHaveProperty('adapter');
  });

  test('to insert needs an instruction; any needs its section', async () => {
    const suggest = (section: number) =>
      article.suggestEdit(teaWriter(), tea, section, 'insert-after', { instruction: ' ' });
    await expect(suggest(0)).rejects.toThrow('needs an instruction');
    await expect(article.suggestEdit(teaWriter(), tea, 3, 'rewrite')).rejects.toThrow(
      'There is no section 3: the article has 3, from 0 on',
    );
  });
});

describe('an applied edit', () => {
  test('is one line, and keeps the picture', () => {
    const { sections } = article.applyEdit(tea, 0, 'rewrite', 'new\n\ntext ');
    expect(sections[0]).toEqual({ text: 'new text', picture });
  });

  test('inserts before and after', () => {
    expect(texts(article.applyEdit(tea, 1, 'insert-before', 'x'))).toEqual([
      'One <b>',
      'x',
      'Two',
      'Three',
    ]);
    expect(texts(article.applyEdit(tea, 2, 'insert-after', 'x'))).toEqual([
      'One <b>',
      'Two',
      'Three',
      'x',
    ]);
    expect(article.applyEdit(tea, 2, 'insert-after', '\n')).toBe(tea);
  });

  test('that is empty takes the section and its picture out', () => {
    expect(article.applyEdit(tea, 0, 'abbreviate', '\n').sections).toEqual([
      { text: 'Two' },
      { text: 'Three' },
    ]);
  });
});

describe('pictures', () => {
  test('are searched, added, selected and deleted', async () => {
    const images = teaImages();
    const added = await article.searchPicture(tea, 1, 'leaf', { folder, images });
    const again = await article.searchPicture(added, 1, 'leaves', { folder, images });
    expect(images.asked.map((asked) => (asked as { exclude: unknown }).exclude)).toEqual([
      [],
      ['0', '1', '2', '3'],
    ]);
    expect(again.sections[1]!.picture).toMatchObject({ caption: 'leaves', selected: 0 });
    expect(again.sections[1]!.picture!.candidates[3]!.file).toBe('pictures/search-2-d.png');
    const third = article.selectPicture(again, 1, 3);
    expect(article.shownPicture(third.sections[1]!)!.file).toBe('pictures/search-2-d.png');
    expect(article.deletePicture(third, 1)).toEqual(tea);
    expect(() => article.selectPicture(third, 1, 4)).toThrow('has 4 pictures; there is none 4');
  });

  test('that cannot be found are an error', async () => {
    const images = { search: async () => [] };
    await expect(article.searchPicture(tea, 1, 'leaf', { folder, images })).rejects.toThrow(
      'change the caption',
    );
  });

  test('get a caption from the model, or from the text', async () => {
    expect(await article.suggestCaption(scriptedWriter(['a cup"']), tea, 1)).toBe('a cup');
    expect(await article.suggestCaption(scriptedWriter(['"']), tea, 1)).toBe('Two');
  });
});

describe('saving', () => {
  beforeEach(() => article.searchPicture(tea, 1, 'x', { folder, images: teaImages() }));
  const shown: article.Article = {
    ...tea,
    sections: tea.sections.map((section, i) =>
      i === 0
        ? {
            ...section,
            picture: { ...picture, candidates: [{ id: '0', file: 'pictures/search-1-a.png' }] },
          }
        : section,
    ),
  };

  test('as Markdown and in the form of the demo', () => {
    expect(article.articleMarkdown(tea)).toBe(
      'One <b>\n\n![a \\[cup\\] "of" tea](pictures/0-a.png)\n\nTwo\n\nThree\n',
    );
    expect(article.demoMarkdown(tea, { ...article.editSettings, seed: 1234 })).toBe(
      'Tea\n1\n1.005\n500\nTrue\n1234\n\nOne <b>\n<div align="center"> <img src=pictures/0-a.png width = 500/> </div>\nTwo\n\nThree\n',
    );
  });

  test('as a zip file with its pictures, the same each time', async () => {
    const [first, second] = [join(folder, 'a.zip'), join(folder, 'b.zip')];
    await article.saveZip(shown, folder, first);
    await article.saveZip(shown, folder, second);
    const bytes = await readFile(first);
    expect(bytes.equals(await readFile(second))).toBe(true);
    const files = unzipSync(bytes);
    expect(Object.keys(files)).toEqual(['article.md', 'pictures/search-1-a.png']);
    expect(strFromU8(files['article.md']!)).toBe(article.articleMarkdown(shown));
  });

  test('as one HTML file in which texts are texts', async () => {
    const path = join(folder, 'article.html');
    await article.saveHtml(shown, folder, path);
    const html = await readFile(path, 'utf8');
    expect(html).toContain('<p>One &lt;b&gt;</p>');
    expect(html).toContain('alt="a [cup] &quot;of&quot; tea"');
    expect(html).toMatch(/src="data:image\/png;base64,iVBOR/);
    expect(checkPage(html)).toEqual([]);
  });
});

describe('pictures of a folder', () => {
  test('are found by the words of their names and descriptions', async () => {
    for (const name of ['red-cup.png', 'green leaf.png', 'x.png', '茶园风景.png']) {
      await writeFile(join(folder, name), pngOf(name));
    }
    await writeFile(join(folder, 'x.txt'), 'a kettle on the stove');
    const images = article.folderImages(folder);
    const find = async (caption: string, exclude: string[] = []) =>
      (await images.search(caption, { exclude, count: 1 })).map(({ id }) => id);
    expect(await find('A green leaf')).toEqual(['green leaf.png']);
    expect(await find('the kettle')).toEqual(['x.png']);
    expect(await find('美丽的茶园')).toEqual(['茶园风景.png']);
    expect(await find('cup', ['red-cup.png'])).not.toEqual(['red-cup.png']);
  });
});

describe('pictures of a service', () => {
  test('are asked for as the demo asked, and fetched under the rules for pictures', async () => {
    const asked: object[] = [];
    const server = createServer(async (request, response) => {
      if (request.url !== '/similar') {
        response.setHeader('content-type', 'image/png');
        return response.end(request.url === '/gone' ? '' : pngOf(request.url!));
      }
      let body = '';
      for await (const part of request) body += part;
      asked.push(JSON.parse(body));
      const own = `http://127.0.0.1:${port}`;
      const image_urls = [`${own}/a.png`, 'http://169.254.169.254/secret', `${own}/b.png`];
      response.end(JSON.stringify({ data: { image_urls, indices: [7, 8, 9] } }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const web = { allow: ['127.0.0.1'], allowAddresses: ['127.0.0.1'] };
    const images = article.httpImages(`http://127.0.0.1:${port}/similar`, { web });
    const found = await images.search(` ${'茶'.repeat(60)} `, { exclude: ['3'], count: 4 });
    server.closeAllConnections();
    server.close();
    expect(asked).toEqual([{ caption: '茶'.repeat(53), exclude: [3], need_idxs: true }]);
    expect(found.map(({ id }) => id)).toEqual(['7', '9']);
    expect(Buffer.from(found[0]!.data).equals(pngOf('/a.png'))).toBe(true);
  });

  test('that fails says which service, and what else there is', async () => {
    const images = article.httpImages('http://127.0.0.1:9/similar');
    const search = images.search('tea', { exclude: [], count: 4 });
    await expect(search).rejects.toThrow(article.ImageServiceError);
    await expect(search).rejects.toThrow('Searching pictures at 127.0.0.1:9');
  });
});

test('an essay follows its outline', async () => {
  const writer = scriptedWriter(['1. Tea[UNUSED_TOKEN_145]', 'Tea is …']);
  expect(await article.essay(writer, 'Tea?')).toEqual({ outline: '1. Tea', essay: 'Tea is …' });
  expect(writer.requests.map(queryOf)).toEqual([
    article.essayPrompts.outline('Tea?'),
    article.essayPrompts.essay('Tea?', '1. Tea'),
  ]);
});

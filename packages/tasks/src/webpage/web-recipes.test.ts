import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { queryOf, scriptedWriter } from '../writer/testing.ts';
import * as webpage from './index.ts';

const page = '<!doctype html>\n<html><head><meta charset="utf-8"></head><body>Hi</body></html>';

describe('the literals of the specification', () => {
  test('prompts keep their leading space', () => {
    expect(webpage.webPrompts).toEqual({
      resume: ' Generate a personal page using the content in the resume:',
      events: ' Generate JavaScript events for the html code:',
      screenshot: ' Generate the HTML code of this web image with Tailwind CSS.',
    });
  });

  test('files are named after the recipes', () => {
    expect(Object.values(webpage.webLabels).map(webpage.fileNameOf)).toEqual([
      'Instruction-aware_Webpage_Generation.html',
      'Resume-to-Personal_Page.html',
      'Screenshot-to-Webpage.html',
    ]);
  });

  test('pages are sampled by two beams under a penalty of 3', () => {
    expect(webpage.webSettings).toEqual({
      limit: { newTokens: 4800 },
      beams: 2,
      sampling: { temperature: 1, topP: 1, topK: 50 },
      repetitionPenalty: 3,
      lengthPenalty: 1,
      stop: ['</s>', '[UNUSED_TOKEN_145]'],
      maxPromptTokens: 16_384,
    });
    expect(webpage.webSettingsOfTheReference.stop).toEqual(['</s>']);
    expect(webpage.webSettingsWithoutBeams).toMatchObject({
      beams: 1,
      repetitionPenalty: 1,
      limit: { newTokens: 2048 },
    });
  });
});

describe('a page from an instruction', () => {
  test('sends the instruction as it is, to the web adapter, without a system text', async () => {
    const writer = scriptedWriter([page]);
    await webpage.fromInstruction(writer, ' A page.\n');
    expect(writer.requests).toEqual([
      {
        prompt: { format: 'chat', query: ' A page.\n' },
        adapter: 'web',
        settings: webpage.webSettings,
      },
    ]);
  });

  test('loses the marks of turns and gets addresses for its pictures', async () => {
    const answer = `${page.replace('Hi', '<img src="https://source.unsplash.com/random/8x6/?a,b">')}[UNUSED_TOKEN_145][UNUSED_TOKEN_146]`;
    const { html, answers } = await webpage.fromInstruction(scriptedWriter([answer]), 'A page');
    expect(html).toBe(page.replace('Hi', '<img src="https://picsum.photos/8/6">'));
    expect(answers).toEqual([answer]);
  });

  test('says that it was cut off, and closes what was left open', async () => {
    const text = `${page.slice(0, page.indexOf('</body>'))}<div>more`;
    const writer = scriptedWriter(() => [{ type: 'end', text, reason: 'length' }]);
    const result = await webpage.fromInstruction(writer, 'A page');
    expect(result).toMatchObject({ html: `${text}</div></body></html>`, reason: 'length' });
    const asWritten = await webpage.fromInstruction(writer, 'A page', { complete: false });
    expect(asWritten.html).toBe(text);
    expect(asWritten.problems).toEqual([{ type: 'unclosed-tag', tag: 'div', line: 2 }]);
  });

  test('passes settings, pictures and events on', async () => {
    const writer = scriptedWriter([page]);
    const steps: string[] = [];
    await webpage.fromInstruction(writer, 'A page', {
      settings: { seed: 202 },
      images: ['logo.png'],
      onEvent: ({ step, type }) => steps.push(`${step} ${type}`),
    });
    expect(writer.requests[0]).toMatchObject({ images: ['logo.png'], settings: { seed: 202 } });
    expect(steps).toEqual(['page text', 'page text', 'page end']);
  });

  test('refuses options it does not know', async () => {
    const options = { picture: 'keep' } as object;
    await expect(webpage.fromInstruction(scriptedWriter([]), 'x', options)).rejects.toThrow(
      'webpage.fromInstruction: unknown option picture',
    );
    const settings = { temprature: 1 } as object;
    await expect(webpage.fromInstruction(scriptedWriter([]), 'x', { settings })).rejects.toThrow(
      'settings: unknown option temprature. It takes limit, beams',
    );
  });
});

describe('a page from a screenshot', () => {
  test('asks for Tailwind, with the screenshots', async () => {
    const writer = scriptedWriter([page, page]);
    await webpage.fromScreenshot(writer, 'shot.png');
    await webpage.fromScreenshot(writer, ['one.png', 'two.png']);
    expect(writer.requests.map(queryOf)).toEqual(Array(2).fill(webpage.webPrompts.screenshot));
    expect(writer.requests.map(({ images }) => images)).toEqual([
      ['shot.png'],
      ['one.png', 'two.png'],
    ]);
  });

  test('needs one', async () => {
    await expect(webpage.fromScreenshot(scriptedWriter([]), [])).rejects.toThrow('at least one');
  });
});

describe('a page from a résumé', () => {
  const plain = page.replace('Hi', 'Jo');

  test('is written, then given events, with the same seed and pictures', async () => {
    const writer = scriptedWriter([plain, '<script>go()</script>']);
    const options = { settings: { seed: 7 }, images: ['jo.png'] };
    const { html } = await webpage.fromResume(writer, { text: '# Jo' }, options);
    expect(writer.requests.map(queryOf)).toEqual([
      ' Generate a personal page using the content in the resume:# Jo',
      ` Generate JavaScript events for the html code:${plain}`,
    ]);
    expect(writer.requests.map(({ settings }) => settings.seed)).toEqual([7, 7]);
    expect(writer.requests.map(({ images }) => images)).toEqual([['jo.png'], ['jo.png']]);
    expect(html).toBe(plain.replace('</html>', '\n<script>go()</script>\n</html>'));
  });

  test('is read from a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lingbi-resume-'));
    const path = join(folder, 'resume.md');
    await writeFile(path, '# 张三\n');
    const writer = scriptedWriter([plain, '']);
    await webpage.fromResume(writer, path);
    expect(queryOf(writer.requests[0]!)).toBe(`${webpage.webPrompts.resume}# 张三\n`);
    await rm(folder, { recursive: true });
  });

  test('needs a file that is text', async () => {
    const reading = webpage.fromResume(scriptedWriter([]), '/no/such/resume.md');
    await expect(reading).rejects.toThrow(webpage.ResumeNotReadableError);
    await expect(reading).rejects.toThrow('Reading the résumé "/no/such/resume.md"');
  });

  test('warns when there are no events to add', async () => {
    const withScript = plain.replace('Jo', '<script>let a</script>');
    const writer = scriptedWriter([withScript, 'I cannot do that.']);
    const { html, warnings } = await webpage.fromResume(writer, { text: 'Jo' });
    expect(html).toBe(withScript);
    expect(warnings).toEqual([expect.stringContaining('the page has no events')]);
  });
});

test('a page is saved whole, as UTF-8', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lingbi-page-'));
  await webpage.savePage({ html: '<p>灵笔' }, join(folder, 'new', 'page.html'));
  expect(await readFile(join(folder, 'new', 'page.html'), 'utf8')).toBe('<p>灵笔');
  await rm(folder, { recursive: true });
});

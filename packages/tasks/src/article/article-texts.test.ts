import { describe, expect, test } from 'vitest';
import type { ChatPrompt, RawPrompt, WriterPrompt } from '../writer/writer.ts';
import { captionBeforeFirstQuote, captionBeforeLastQuote, pastCaptions } from './caption.ts';
import { contextsOf, readChoice } from './choice.ts';
import { editPrompts, editSettings } from './edit/edit-prompts.ts';
import { essayPrompts, essaySettings } from './essay.ts';
import { readPositions } from './positions.ts';
import { xcomposer1Prompts } from './prompts/xcomposer1.ts';
import { xcomposer2Prompts } from './prompts/xcomposer2.ts';
import { xcomposer2d5Prompts } from './prompts/xcomposer2d5.ts';
import { numberSections, splitSections } from './sections.ts';
import { writeSettings } from './settings.ts';

const chat = (prompt: WriterPrompt) => prompt as ChatPrompt;
const rawText = (prompt: WriterPrompt) =>
  (prompt as RawPrompt).spans.map(({ text }) => text).join('');

describe('sections', () => {
  test('are the lines with something in them', () => {
    expect(splitSections('a\n\n  \nb\n')).toEqual(['a', 'b']);
    expect(splitSections('  \n')).toEqual([]);
    expect(splitSections('x\n'.repeat(70))).toHaveLength(60);
  });

  test('are shown with their numbers', () => {
    expect(numberSections(['a', 'b'])).toBe('<Seg0> a\n<Seg1> b\n');
  });
});

describe('positions', () => {
  test.each([
    ['适合插入图像的行是<Seg2>, <Seg5>', 9, undefined, [2, 5]],
    ['<Seg5>, <Seg2>, <Seg5>, <Seg>', 9, undefined, [2, 5]],
    ['<Seg1><Seg99>', 4, undefined, [1, 3]],
    ['<Seg1><Seg2><Seg0>', 4, 2, [1, 2]],
    ['none', 4, undefined, []],
    ['<Seg0>', 0, undefined, []],
  ])('%s of %i', (answer, sections, count, positions) => {
    expect(readPositions(answer, sections, count)).toEqual(positions);
  });
});

describe('captions', () => {
  test('end before the last quote in 2.5, before the first in older ones', () => {
    expect(captionBeforeLastQuote('一只猫"</output>')).toBe('一只猫');
    expect(captionBeforeLastQuote('一只"猫"</output>')).toBe('一只"猫');
    expect(captionBeforeFirstQuote(' 一只"猫"</output>')).toBe('一只');
  });

  test('without a quote are the first line', () => {
    expect(captionBeforeLastQuote('一只猫\n两只')).toBe('一只猫');
  });

  test('that came before are told to the next', () => {
    expect(pastCaptions([])).toBe('');
    expect(
      pastCaptions([
        { section: 1, caption: 'a' },
        { section: 3, caption: 'b' },
      ]),
    ).toBe('现在<Seg1>后插入图像对应的标题是"a"， <Seg3>后插入图像对应的标题是"b"。');
  });
});

describe('choices', () => {
  test.each([
    ['B', 4, 1],
    [': C', 4, 2],
    ['D', 2, 0],
    ['', 4, 0],
    ['图A', 4, 0],
  ])('%j of %i', (answer, candidates, choice) => {
    expect(readChoice(answer, candidates)).toBe(choice);
  });

  test('are made in the context up to each picture', () => {
    expect(contextsOf(['a', 'b', 'c', 'd'], [1, 3])).toEqual(['a\nb\n', 'c\nd\n']);
  });
});

describe('prompts of 2.5', () => {
  const { article, positions, caption, choice, settings } = xcomposer2d5Prompts;

  test('for the article begin with the uploads', () => {
    expect(chat(article('写', 2, 'M'))).toEqual({
      format: 'chat',
      meta: 'M',
      query: '<ImageHere> <ImageHere>写',
    });
    expect(settings.article).toMatchObject({
      sampling: { temperature: 1, topP: 0.8, topK: 40 },
      repetitionPenalty: 1.005,
      limit: { newTokens: 8192 },
      beams: 1,
      maxPromptTokens: 16_384,
    });
  });

  test('for positions', () => {
    expect(chat(positions(['a', 'b'], 1, 3))).toEqual({
      format: 'chat',
      query: '<ImageHere> 给定文章"<Seg0> a\n<Seg1> b\n" 根据上述文章，选择适合插入图像的3行',
      answerStart: '适合插入图像的行是',
    });
    expect(chat(positions([], 0, undefined)).query).toMatch(/选择适合插入图像的行$/);
    expect(settings.positions.limit).toEqual({ newTokens: 200 });
  });

  test('for captions show an example', () => {
    const past = [{ section: 0, caption: 'x' }];
    const prompt = chat(caption(['a', 'b', 'c', 'd'], 1, past));
    expect(prompt.meta).toBe(
      '请严格按照示例的<input> <output>格式，根据给定的文章，给出适合在某一段后插入的图像对应的标题。',
    );
    expect(prompt.query).toBe(
      '<input>\n给定文章"<Seg0> 大多数的车友们在选车、购车时都会格外关注续航\n<Seg1> 甚至还有要求电动滑板车跑一百公里的\n<Seg2> 但这真的是你所需要的吗?\n<Seg3> 据报告，一线城市上班族通勤半径均在10公里以内\n<Seg4> 所以大多数通勤出行RND的续航完全可以满足\n<Seg5> 可能会有人说，续航短导致一天一充或两充很麻烦\n" 给出适合在<Seg4>后插入的图像对应的标题。</input>\n<output>\n标题是"一个人正站在充电桩前给电动滑板车充电，面容看上去有些疲惫"</output>\n<input>\n给定文章"<Seg0> a\n<Seg1> b\n<Seg2> c\n" 现在<Seg0>后插入图像对应的标题是"x"。给出适合在<Seg1>后插入的图像对应的标题。</input><output>',
    );
    expect(prompt.answerStart).toBe('标题是"');
    expect(settings.caption.limit).toEqual({ newTokens: 200 });
  });

  test('for choices show the pictures chosen so far', () => {
    expect(chat(choice(['a\n', 'b\n'], 4))).toEqual({
      format: 'chat',
      query:
        '根据给定上下文和候选图像，选择合适的配图：a\n<ImageHere>b\n候选图像包括: A.<ImageHere>\nB.<ImageHere>\nC.<ImageHere>\nD.<ImageHere>',
      answerStart: '最合适的图是',
    });
    expect(settings.choice.limit).toEqual({ newTokens: 10 });
  });

  test('let no text of the article place pictures', () => {
    expect(chat(positions(['a<ImageHere>'], 0, 1)).query).not.toContain('<ImageHere>');
    expect(chat(choice(['<ImageHere>\n'], 1)).query.split('<ImageHere>')).toHaveLength(2);
  });
});

test('prompts of 2.0 ask for captions without an example, in 4096 tokens', () => {
  const prompt = chat(xcomposer2Prompts.caption(['a'], 0, []));
  expect(prompt).toEqual({
    format: 'chat',
    query: '给定文章"<Seg0> a\n" 给出适合在<Seg0>后插入的图像对应的标题。',
    answerStart: '标题是"',
  });
  expect(xcomposer2Prompts.settings.article).toMatchObject({
    limit: { newTokens: 4096 },
    maxPromptTokens: 4096,
  });
  expect(xcomposer2Prompts.adapter).toBeUndefined();
});

describe('prompts of 1.0', () => {
  const { article, positions, caption, choice, settings } = xcomposer1Prompts;

  test('have the template of that generation', () => {
    expect(rawText(article('茶', 0, ''))).toBe(
      ' <|User|>:根据给定标题写一个图文并茂，不重复的文章：茶\n<TOKENS_UNUSED_0> <|Bot|>:',
    );
    expect(rawText(positions(['a'], 0, 2))).toBe(
      ' <|User|>:给定文章"<Seg0> a\n" 根据上述文章，选择适合插入图像的2行 \n<TOKENS_UNUSED_0> <|Bot|>:适合插入图像的行是',
    );
    expect(rawText(caption(['a'], 0, []))).toBe(
      ' <|User|>: 给定文章"<Seg0> a\n" 给出适合在<Seg0>后插入的图像对应的标题。 \n<TOKENS_UNUSED_0> <|Bot|>: 标题是"',
    );
    expect(rawText(choice(['a\n'], 2))).toBe(
      '  <|User|>:根据给定上下文和候选图像，选择合适的配图：a\n\n\n候选图像包括: A.<ImageHere>\nB.<ImageHere>\n\n<TOKENS_UNUSED_0> <TOKENS_UNUSED_0> <|Bot|>:最合适的图是',
    );
  });

  test('search with five beams, captions with none', () => {
    const rows = Object.values(settings).map(({ beams, repetitionPenalty, limit, sampling }) => [
      ...[beams, repetitionPenalty, limit, sampling],
    ]);
    expect(rows).toEqual([
      [5, 5, { newTokens: 1000 }, 'greedy'],
      [5, 1, { newTokens: 300 }, 'greedy'],
      [1, 5, { newTokens: 100 }, 'greedy'],
      [5, 1, { newTokens: 10 }, 'greedy'],
    ]);
  });
});

test('edits ask as the demo does, within 500 tokens', () => {
  const subject = { text: 'T', instruction: 'I', previous: 'P', next: 'N' };
  const asked = Object.values(editPrompts).map((prompt) => prompt(subject));
  expect(asked).toEqual([
    '扩写以下段落：T\n基于以下素材：I',
    '改写以下段落：T\n基于以下素材：I',
    '缩写以下段落：T',
    '在以下两段中插入一段。\n第一段：P\n第二段：T\n插入段的大纲：I',
    '在以下两段中插入一段。\n第一段：T\n第二段：N\n插入段的大纲：I',
  ]);
  expect(editSettings.limit).toEqual({ totalTokens: 500 });
});

test('essays have an outline first', () => {
  expect(essayPrompts.outline('Q')).toBe('请列出下面的作文题目对应的写作大纲。\n**题目：**\nQ');
  expect(essayPrompts.essay('Q', 'O')).toBe(
    '根据下面的题目和写作大纲进行写作。\n**题目**\nQ\n\n**大纲：**\nO\n\n**正文写作：**\n',
  );
  expect(essaySettings.essay).toMatchObject({ sampling: { topP: 1 }, limit: { newTokens: 4096 } });
});

test('articles in one piece share 8192 tokens with their prompt', () => {
  expect(writeSettings).toMatchObject({
    limit: { totalTokens: 8192 },
    sampling: { temperature: 1, topP: 0.8, topK: 40 },
    repetitionPenalty: 1.005,
    beams: 1,
    maxPromptTokens: 8192,
  });
});

/** The prompts that recipes ask for are those the published model was recorded with, to the token. */
import { readFileSync } from 'node:fs';
import { createTokenizer } from '@lingbi/tokenizer';
import { describe, expect, test } from 'vitest';
import { write } from '../article/write.ts';
import * as webpage from '../webpage/index.ts';
import { scriptedWriter } from './testing.ts';
import type { Writer } from './writer.ts';
import { writerPrompt } from './writer-prompt.ts';

interface Recorded {
  readonly id: string;
  readonly query: string;
  readonly meta: string;
  readonly maxLength: number;
  readonly imageTokens: readonly number[];
  readonly prompt: string;
  readonly segments: readonly { type: string; text?: string; ids?: readonly number[] }[];
  readonly length: number;
}

const fixtures = new URL('../../../../fixtures/', import.meta.url);
const tokenizer = createTokenizer(readFileSync(new URL('internlm2/tokenizer.model', fixtures)));
const recorded = JSON.parse(
  readFileSync(new URL('goldens/prompts.json', fixtures), 'utf8'),
) as Recorded[];

const imagesOf = ({ imageTokens }: Recorded) => imageTokens.map((_, i) => `picture-${i}.png`);

const recipes: Readonly<Record<string, (writer: Writer, golden: Recorded) => Promise<unknown>>> = {
  'web-01-instruction': (writer, { query }) => webpage.fromInstruction(writer, query),
  'web-02-screenshot': (writer, golden) => webpage.fromScreenshot(writer, imagesOf(golden)),
  'write-01-article': (writer, { query }) => write(writer, query),
  'write-02-article-zh-image': (writer, golden) =>
    write(writer, golden.query, { images: imagesOf(golden) }),
  'write-03-meta': (writer, { query }) => write(writer, query, { meta: true }),
  'write-04-stop': (writer, { query }) => write(writer, query),
};

describe.each(Object.keys(recipes))('the recorded prompt %s', (id) => {
  const golden = recorded.find((each) => each.id === id)!;

  test('is what the recipe asks, to the token', async () => {
    const writer = scriptedWriter(['<p>answer</p>']);
    await recipes[id]!(writer, golden);
    const [request] = writer.requests;
    const prompt = writerPrompt(tokenizer, request!, golden.imageTokens);
    expect(prompt.text).toBe(golden.prompt);
    expect(
      prompt.segments.map((segment) =>
        segment.type === 'text' ? { ...segment, ids: [...segment.ids] } : segment,
      ),
    ).toEqual(golden.segments);
    expect(prompt.length).toBe(golden.length);
    expect(prompt.warnings).toEqual([]);
    expect(request!.settings.maxPromptTokens).toBe(golden.maxLength);
    expect(request!.adapter).toBe(id.startsWith('web') ? 'web' : 'write');
  });
});

const settings = webpage.webSettings;

describe('the beginning of an answer', () => {
  test('follows the header of the assistant, as one text with it', () => {
    const prompt = { format: 'chat', query: 'a', answerStart: '标题是"' } as const;
    const [segment] = writerPrompt(tokenizer, { prompt, settings }, []).segments;
    const text =
      '[UNUSED_TOKEN_146]user\na[UNUSED_TOKEN_145]\n[UNUSED_TOKEN_146]assistant\n标题是"';
    expect(segment).toMatchObject({
      text,
      ids: tokenizer.encode(text, { addBos: true, parseSpecial: 'all' }),
    });
  });

  test('cannot forge a turn', () => {
    const prompt = { format: 'chat', query: 'a', answerStart: '[UNUSED_TOKEN_145]' } as const;
    const [segment] = writerPrompt(tokenizer, { prompt, settings }, []).segments;
    expect([...(segment as { ids: Int32Array }).ids].filter((id) => id === 92542)).toHaveLength(1);
  });
});

describe('a prompt in a template of its own', () => {
  const spans = [
    { text: ' <|User|>:', parseSpecial: 'all' },
    { text: 'look <ImageHere></s>', parseSpecial: 'none' },
  ] as const;

  test('keeps what is trusted apart from what is not', () => {
    const { segments } = writerPrompt(
      tokenizer,
      { prompt: { format: 'raw', spans }, settings },
      [9],
    );
    expect(segments.map(({ type }) => type)).toEqual(['text', 'image', 'text']);
    expect((segments[2] as { ids: Int32Array }).ids).not.toContain(2);
  });

  test('needs a place for each picture', () => {
    const request = { prompt: { format: 'raw', spans }, settings } as const;
    expect(() => writerPrompt(tokenizer, request, [9, 9])).toThrow('2 images and 1 <ImageHere>');
  });
});

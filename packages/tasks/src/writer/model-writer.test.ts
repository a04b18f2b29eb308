import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { referenceBackend as backend, MemoryBudgetError } from '@lingbi/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { planMemory } from '../memory/plan-request.ts';
import { type Model, openModel } from '../model/open-model.ts';
import * as webpage from '../webpage/index.ts';
import { NoRoomForAnswerError, UnsupportedSettingError } from './errors.ts';
import { generateOptions } from './generate-options.ts';
import { chatSettings } from './generation-settings.ts';
import { modelScorer } from './model-scorer.ts';
import { modelWriter } from './model-writer.ts';
import { writeText } from './write-text.ts';
import type { WriteRequest, WriterEvent } from './writer.ts';

const fixtures = new URL('../../../../fixtures/', import.meta.url);
const golden = (id: string) =>
  JSON.parse(readFileSync(new URL(`goldens/cases/${id}.json`, fixtures), 'utf8'));

let model: Model;
beforeAll(async () => {
  model = await openModel(fileURLToPath(new URL('ixc25-micro', fixtures)), { backend });
});
afterAll(() => model[Symbol.asyncDispose]());

const greedy = {
  ...chatSettings,
  limit: { newTokens: 24 },
  sampling: 'greedy',
  repetitionPenalty: 1,
} as const;

const ask = (request: Partial<WriteRequest>) =>
  writeText(
    modelWriter(model),
    { prompt: { format: 'chat', query: 'Hello' }, settings: greedy, ...request },
    'page',
  );

test('a page recipe gives the recorded answer of the web adapter', async () => {
  const { inputs, chat_greedy } = golden('web-01-instruction');
  const page = await webpage.fromInstruction(modelWriter(model), inputs.query, {
    settings: greedy,
  });
  expect(page.answers).toEqual([chat_greedy.response]);
  expect(page.reason).toBe('length');
});

test('an article ends where the recorded one does', async () => {
  const { inputs, chat_greedy } = golden('write-04-stop');
  const prompt = { format: 'chat', query: inputs.query } as const;
  const { text, reason } = await ask({ prompt, adapter: 'write' });
  expect([text, reason]).toEqual([chat_greedy.response, 'stop']);
});

test('without the mark of turns among the stops, what follows it stays in the text', async () => {
  const { inputs, chat_greedy } = golden('write-04-stop');
  const prompt = { format: 'chat', query: inputs.query } as const;
  const settings = { ...greedy, stop: ['</s>'], limit: { newTokens: 12 } };
  const { text } = await ask({ prompt, adapter: 'write', settings });
  expect(text.startsWith(`${chat_greedy.response}[UNUSED_TOKEN_145]`)).toBe(true);
  expect(text.length).toBeGreaterThan(chat_greedy.response.length + 18);
});

test('the settings of the web recipes run: two beams that sample under a penalty', async () => {
  const settings = { ...webpage.webSettings, limit: { newTokens: 3 }, seed: 202 };
  const events: WriterEvent[] = [];
  const request = {
    prompt: { format: 'chat', query: 'A page' },
    adapter: 'web',
    settings,
  } as const;
  for await (const event of modelWriter(model).write(request)) events.push(event);
  expect(events.some(({ type }) => type === 'draft')).toBe(true);
  expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'length', usage: { newTokens: 3 } });
  expect((await ask(request)).text).toBe((events.at(-1) as { text: string }).text);
});

test('prompt lookup changes nothing but what is told about it; beams go without', async () => {
  const ahead = modelWriter(model, { promptLookup: true });
  const request = {
    prompt: { format: 'chat', query: 'one two three four, one two three four' },
    settings: { ...greedy, limit: { newTokens: 24 } },
  } as const;
  const plain = await ask(request);
  const events: WriterEvent[] = [];
  for await (const event of ahead.write(request)) events.push(event);
  expect(events.at(-1)).toMatchObject({
    text: plain.text,
    usage: { lookup: { drafted: expect.any(Number) } },
  });
  const searched: WriterEvent[] = [];
  const beams = {
    ...request,
    settings: { ...request.settings, beams: 2, limit: { newTokens: 2 } },
  };
  for await (const event of ahead.write(beams)) searched.push(event);
  expect(searched.at(-1)).not.toHaveProperty('usage.lookup');
});

test('the answer goes on from its beginning', async () => {
  const prompt = { format: 'chat', query: 'Hello' } as const;
  const [plain, begun] = [
    await ask({ prompt }),
    await ask({ prompt: { ...prompt, answerStart: 'B' } }),
  ];
  expect(begun.text).not.toBe(plain.text);
  expect(begun.text.startsWith('B')).toBe(false);
});

describe('what the checkpoint cannot do', () => {
  const poem = { adapter: 'poem' as 'web' };

  test('is refused', async () => {
    await expect(ask(poem)).rejects.toThrow(UnsupportedSettingError);
    await expect(ask(poem)).rejects.toThrow('no "poem" adapter (it has base, web, write)');
    await expect(ask({ settings: { ...greedy, stop: ['<eoa>'] } })).rejects.toThrow(
      'no piece <eoa>',
    );
  });

  test('is done without, with a warning, where that is allowed', async () => {
    const writer = modelWriter(model, { unsupported: 'adapt' });
    const prompt = { format: 'chat', query: 'Hello' } as const;
    const settings = { ...greedy, limit: { newTokens: 2 } };
    const { warnings } = await writeText(writer, { prompt, settings, ...poem }, 'page');
    expect(warnings).toEqual([expect.stringContaining('the base model is visibly weaker')]);
  });
});

test('a prompt that leaves no room for an answer is an error with both numbers', async () => {
  const settings = { ...greedy, limit: { totalTokens: 8 } };
  await expect(ask({ settings })).rejects.toThrow(NoRoomForAnswerError);
  await expect(ask({ settings })).rejects.toThrow('the prompt takes 11 of the 8 tokens');
});

test('answers are scored by the mean loss of their tokens', async () => {
  const { greedy24, inputs } = golden('text-01');
  const [first, second] = greedy24.ids;
  const prompt = { format: 'chat', query: inputs.query } as const;
  const likely = model.tokenizer.decode([first, second]);
  const scorer = modelScorer(model);
  const [own, other] = await scorer.meanLosses({ prompt, images: [], answers: [likely, 'zebra'] });
  expect(own).toBeGreaterThan(0);
  expect(own).toBeLessThan(other!);
});

describe('penalties of a recipe', () => {
  const scopeOf = (request: Partial<WriteRequest>) => {
    const prompt = { format: 'chat', query: 'Hello' } as const;
    return generateOptions({ prompt, settings: greedy, ...request }, model.tokenizer, 10)
      .penaltyScope;
  };
  const goesOn = { format: 'chat', query: 'Hello', answerStart: 'Good' } as const;

  test('count what the reference counts: the prompt where a text goes on without pictures', () => {
    expect(scopeOf({})).toBe('answer');
    expect(scopeOf({ prompt: goesOn })).toBe('prompt-and-answer');
    expect(scopeOf({ prompt: goesOn, images: ['a.png'] })).toBe('answer');
    expect(scopeOf({ prompt: { format: 'raw', spans: [] } })).toBe('answer');
  });

  test('count what the settings say', () => {
    const settings = (penaltyScope: 'answer' | 'prompt-and-answer') => ({
      ...greedy,
      penaltyScope,
    });
    expect(scopeOf({ settings: settings('prompt-and-answer') })).toBe('prompt-and-answer');
    expect(scopeOf({ prompt: goesOn, settings: settings('answer') })).toBe('answer');
  });
});

describe('a memory budget', () => {
  const opened = (more: number) => {
    const memoryBudget = planMemory(model.xcomposer.planned!, { textTokens: 40_000 }).peak + more;
    return openModel(fileURLToPath(new URL('ixc25-micro', fixtures)), { backend, memoryBudget });
  };
  const refusal = async (limited: Model, request: Partial<WriteRequest>) => {
    const query = { format: 'chat', query: 'Hello' } as const;
    const asked = { prompt: query, settings: greedy, ...request };
    const error = await writeText(modelWriter(limited), asked, 'page').catch((each) => each);
    expect(error).toBeInstanceOf(MemoryBudgetError);
    return error.advice.map(({ setting }: { setting: string }) => setting);
  };

  test('that has no room for what a recipe writes names its settings', async () => {
    await using limited = await opened(0);
    const wordy = { ...greedy, limit: { newTokens: 100_000 } };
    expect(await refusal(limited, { settings: wordy })).toEqual(['newTokens']);
    const total = { ...greedy, limit: { totalTokens: 100_000 } };
    expect(await refusal(limited, { settings: total })).toEqual(['totalTokens']);
    const beams = { ...greedy, limit: { newTokens: 10_000 }, beams: 9 };
    expect(await refusal(limited, { settings: beams })).toEqual(['newTokens', 'beams']);
  });

  test('counts what is being written, so that others know of it', async () => {
    await using limited = await opened(0);
    const settings = { ...greedy, limit: { newTokens: 30_000 } };
    const prompt = { format: 'chat', query: 'Hello' } as const;
    const writing = modelWriter(limited).write({ prompt, settings })[Symbol.asyncIterator]();
    await writing.next();
    expect(limited.heldPositions).toBeGreaterThan(30_000);
    expect(await refusal(limited, { settings })).toEqual(['newTokens']);
    await writing.return!();
    expect(limited.heldPositions).toBe(0);
  });

  test('that has no room to score answers is kept before any is read', async () => {
    await using limited = await opened(0);
    const prompt = { format: 'chat', query: 'Hello' } as const;
    const score = (answer: string) =>
      modelScorer(limited).meanLosses({ prompt, images: [], answers: [answer] });
    expect(await score('one')).toHaveLength(1);
    await expect(score('one two three '.repeat(40_000))).rejects.toThrow(
      /^Scoring these answers needs/,
    );
    expect(limited.heldPositions).toBe(0);
  });
});

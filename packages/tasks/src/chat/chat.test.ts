import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { referenceBackend as backend, CacheMemoryError, type Sequence } from '@lingbi/core';
import { findFfmpeg, TooManyFramesError } from '@lingbi/video';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { planMemory } from '../memory/plan-request.ts';
import { type Model, openModel } from '../model/open-model.ts';
import type { Chat, ChatOptions, SayOptions } from './chat.ts';
import type { ChatEvent } from './events.ts';
import type { ImageInput } from './media.ts';

const micro = fileURLToPath(new URL('../../../../fixtures/ixc25-micro', import.meta.url));

const picturePath = fileURLToPath(
  new URL('../../../../fixtures/pictures/decode/rgba.png', import.meta.url),
);

/** A picture of four pixels. */
const tinyPicture = {
  width: 2,
  height: 2,
  channels: 3,
  data: new Uint8Array(12).fill(128),
} as const;

/** Decoding needs one; tests of it are skipped without. */
const ffmpeg = await findFfmpeg().catch(() => undefined);

let model: Model;
beforeAll(async () => {
  model = await openModel(micro, { backend });
});
afterAll(() => model[Symbol.asyncDispose]());

async function collect(events: AsyncIterable<ChatEvent>): Promise<ChatEvent[]> {
  const all: ChatEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

describe('an answer', () => {
  test('comes as progress, tokens with their text, and one end', async () => {
    await using chat = model.chat();
    const events = await collect(chat.say('Is the onion blue?'));
    const types = events.map(({ type }) => type).filter((type, i, all) => type !== all[i - 1]);
    expect(types[0]).toBe('prompt-progress');
    expect(types.at(-1)).toBe('end');
    const texts = events.flatMap((event) => (event.type === 'text' ? [event.text] : []));
    expect(events.at(-1)).toMatchObject({
      text: texts.join(''),
      reason: 'stop',
      usage: {
        ...{ promptTokens: 15, cachedTokens: 0, imageTokens: 0, newTokens: 8 },
        pictures: { encoded: 0, reused: 0 },
      },
      warnings: [],
    });
  });

  test('ends at the limit', async () => {
    await using chat = model.chat();
    const { reason, usage } = await chat.ask('Hello', { maxNewTokens: 3 });
    expect([reason, usage.newTokens]).toEqual(['length', 3]);
  });

  test('is picked by the sampler when there is one', async () => {
    await using chat = model.chat();
    const [hello, world] = [...model.tokenizer.encode('Hello world')];
    const sampler = (_: Float32Array, history: readonly number[]) =>
      [hello!, world!, 92542][history.length]!;
    expect(await chat.ask('Say it', { sampler })).toMatchObject({
      text: 'Hello world',
      reason: 'stop',
    });
  });

  test('tells how likely each of its tokens was, where that is asked for', async () => {
    await using chat = model.chat();
    const options = { topLogprobs: 2, maxNewTokens: 3 };
    const events = await collect(chat.say('Hello', options));
    const told = events.flatMap((event) => {
      return event.type === 'token' ? [{ token: event.token, logprobs: event.logprobs }] : [];
    });
    expect(events.at(-1)).toMatchObject({ type: 'end', tokens: told });
    expect(told).toHaveLength(3);
    expect(told[0]!.logprobs!.top).toHaveLength(2);
    expect(await chat.ask('And?', { maxNewTokens: 1 })).not.toHaveProperty('tokens');
  });

  test('says what was done to the prompt', async () => {
    await using chat = model.chat();
    const { warnings } = await chat.ask('Look at <ImageHere>', { maxNewTokens: 1 });
    expect(warnings).toMatchObject([{ type: 'placeholders-unused' }]);
  });
});

describe('an answer by beams', () => {
  test('comes as drafts, then as the tokens and the text of the best', async () => {
    await using chat = model.chat();
    const events = await collect(chat.say('Hello', { beams: 3, maxNewTokens: 4 }));
    const drafts = events.filter(({ type }) => type === 'draft');
    const texts = events.flatMap((event) => (event.type === 'text' ? [event.text] : []));
    const end = events.at(-1) as ChatEvent & { type: 'end' };
    expect(drafts).toHaveLength(4);
    expect(drafts.at(-1)).toMatchObject({ text: end.text, score: end.ranked![0]!.score });
    expect(texts.join('')).toBe(end.text);
    expect(end.ranked).toHaveLength(3);
    expect(end.ranked![0]).toMatchObject({ text: end.text, reason: 'length' });
    expect(chat.history).toEqual([{ query: 'Hello', answer: end.text }]);
  });

  test('keeps the conversation for turns with and without beams', async () => {
    await using chat = model.chat();
    await chat.ask('Hello', { beams: 2, maxNewTokens: 3 });
    const { usage } = await chat.ask('And?', { maxNewTokens: 3 });
    expect(usage.cachedTokens).toBeGreaterThan(10);
    await using fresh = model.chat({ history: chat.history.slice(0, 1) });
    expect((await fresh.ask('And?', { maxNewTokens: 3 })).text).toBe(chat.history[1]!.answer);
  });
});

test('a drawn answer comes again with its seed', async () => {
  await using first = model.chat();
  await using again = model.chat();
  const drawn = await first.ask('Hello', { maxNewTokens: 5, sampling: { temperature: 2 } });
  const sampling = { temperature: 2, seed: drawn.seed! };
  expect((await again.ask('Hello', { maxNewTokens: 5, sampling })).text).toBe(drawn.text);
});

describe('stop strings', () => {
  const words = (text: string) => {
    const ids = [...model.tokenizer.encode(text)];
    return (_: Float32Array, history: readonly number[]) => ids[history.length]!;
  };

  test('end the answer before them, also in the middle of a token', async () => {
    await using chat = model.chat();
    const sampler = words('one two three four five six');
    const events = await collect(chat.say('Count', { sampler, stop: ['hree', '灵笔'] }));
    const texts = events.flatMap((event) => (event.type === 'text' ? [event.text] : []));
    expect(events.at(-1)).toMatchObject({ text: 'one two t', reason: 'stop-string' });
    expect(texts.join('')).toBe('one two t');
  });

  test('may be longer than a token, and of other scripts', async () => {
    await using chat = model.chat();
    const sampler = words('你好，我是浦语·灵笔，很高兴');
    const answer = await chat.ask('Who?', { sampler, stop: ['灵笔，很'] });
    expect(answer).toMatchObject({ text: '你好，我是浦语·', reason: 'stop-string' });
  });

  test('end beams as well', async () => {
    await using plain = model.chat();
    await using stopped = model.chat();
    const { text } = await plain.ask('Hello', { beams: 2, maxNewTokens: 4 });
    const stop = [text.slice(-2)];
    const answer = await stopped.ask('Hello', { beams: 2, maxNewTokens: 4, stop });
    expect(answer).toMatchObject({ text: text.slice(0, -2), reason: 'stop-string' });
    for (const { text: found } of answer.ranked!) expect(found).not.toContain(stop[0]);
  });

  test('that are empty are refused', async () => {
    await using chat = model.chat();
    await expect(chat.ask('Hello', { stop: [''] })).rejects.toThrow('strings that are not empty');
  });
});

test('an option out of its range is refused before a picture is read', async () => {
  await using chat = model.chat();
  const asked = chat.ask('Hello', { images: ['nowhere.png'], sampling: { topP: 80 } });
  await expect(asked).rejects.toThrow('sampling.topP: it must be above 0 and at most 1');
});

describe('a conversation', () => {
  test('does not read again what the turns share', async () => {
    await using chat = model.chat();
    const first = await chat.ask('Is the onion blue?', { maxNewTokens: 5 });
    const second = await chat.ask('And the apple?', { maxNewTokens: 5 });
    expect(first.usage.cachedTokens).toBe(0);
    expect(second.usage.cachedTokens).toBeGreaterThanOrEqual(first.usage.promptTokens);
    expect(chat.history).toEqual([
      { query: 'Is the onion blue?', answer: first.text },
      { query: 'And the apple?', answer: second.text },
    ]);
  });

  test('answers as if the earlier turns had been given as history', async () => {
    await using live = model.chat();
    await live.ask('Is the onion blue?', { maxNewTokens: 5 });
    const continued = model.chat({ history: live.history });
    await using _ = continued;
    const options = { maxNewTokens: 8 };
    const [fresh, reused] = [
      await continued.ask('And the apple?', options),
      await live.ask('And the apple?', options),
    ];
    expect(reused.text).toBe(fresh.text);
    expect(reused.usage.cachedTokens).toBeGreaterThan(fresh.usage.cachedTokens);
  });

  test('grows past the room it was opened with', async () => {
    await using chat = model.chat();
    const long = 'one two three four five six seven eight nine ten '.repeat(40);
    await chat.ask('Hello', { maxNewTokens: 2 });
    const sampler = (_: Float32Array, history: readonly number[]) => (history.length < 3 ? 334 : 2);
    const { usage } = await chat.ask(long, { maxNewTokens: 1000, sampler });
    expect(usage).toMatchObject({ newTokens: 4 });
    expect(usage.cachedTokens).toBeGreaterThan(10);
  });

  test('opens with room for more turns and grows by half, as far as budget and longest prompt allow', async () => {
    const capacities = async (turns: readonly number[], options: ChatOptions & SayOptions = {}) => {
      const { maxLength, ...limits } = options;
      using opening = vi.spyOn(model.xcomposer, 'openSequence');
      await using chat = model.chat({ ...(maxLength && { maxLength }) });
      const found: number[] = [];
      for (const maxNewTokens of turns) {
        await chat.ask('Hi', { maxNewTokens, sampler: () => 2, ...limits });
        found.push(opening.mock.results[0]!.value.capacity);
      }
      return found;
    };
    const short = [8, 1024, 2100, 3500];
    expect(await capacities(short)).toEqual([2048, 2048, 3072, 5120]);
    expect(await capacities(short, { maxLength: 500 })).toEqual([1024, 2048, 3072, 4096]);
    const long = [60_000, 70_000];
    expect(await capacities(long)).toEqual([75 * 1024, 75 * 1024]);
    const memoryBudget = planMemory(model.xcomposer.planned!, { textTokens: 75_000 }).peak;
    expect(await capacities(long, { memoryBudget })).toEqual([59 * 1024, 69 * 1024]);
  });

  test('that finds no memory to grow as it wants takes what it needs, or stays as it was', async () => {
    using opening = vi.spyOn(model.xcomposer, 'openSequence');
    await using chat = model.chat();
    const short = { maxNewTokens: 3500, sampler: () => 2 };
    await chat.ask('Hi', short);
    const { history, heldPositions } = chat;
    const sequence: Sequence = opening.mock.results[0]!.value;
    using refusing = vi.spyOn(sequence, 'grow').mockImplementation(async ({ capacity = 0 }) => {
      if (capacity > sequence.capacity) throw new CacheMemoryError(capacity, 1, 'none is left');
    });
    await expect(chat.ask('Hi', { ...short, maxNewTokens: 6200 })).rejects.toThrow('none is left');
    expect(refusing.mock.calls.map(([{ capacity }]) => capacity)).toEqual([9216, 7168]);
    expect([chat.history, chat.heldPositions]).toEqual([history, heldPositions]);
    expect((await chat.ask('Hi', short)).usage.cachedTokens).toBeGreaterThan(5);
  });

  test('penalties count the prompt where the reference passes ids, or where it is asked for', async () => {
    const [mark] = model.tokenizer.encode('?');
    // Above all else, unless the penalty divides it.
    const options = { maxNewTokens: 1, logitBias: new Map([[mark!, 200]]), repetitionPenalty: 100 };
    const first = async (chatOptions: ChatOptions, more: SayOptions = {}) => {
      await using chat = model.chat(chatOptions);
      for await (const event of chat.say('Who are you?', { ...options, ...more })) {
        if (event.type === 'token') return event.token;
      }
      throw new Error('no token');
    };
    expect(await first({})).toBe(mark);
    expect(await first({ nullImage: true })).not.toBe(mark);
    expect(await first({}, { penaltyScope: 'prompt-and-answer' })).not.toBe(mark);
    expect(await first({ nullImage: true }, { penaltyScope: 'answer' })).toBe(mark);
    await using chat = model.chat({ nullImage: true });
    expect((await chat.ask('Who are you?', { maxNewTokens: 1 })).usage.newTokens).toBe(1);
  });

  test('keeps its past when more beams are asked for', async () => {
    await using chat = model.chat();
    await chat.ask('Hello', { maxNewTokens: 2 });
    const { usage, text } = await chat.ask('And?', { maxNewTokens: 3, beams: 3 });
    expect(usage.cachedTokens).toBeGreaterThan(10);
    await using fresh = model.chat({ history: chat.history.slice(0, 1) });
    expect((await fresh.ask('And?', { maxNewTokens: 3, beams: 3 })).text).toBe(text);
  });

  test('an aborted turn leaves it as it was', async () => {
    await using chat = model.chat();
    await chat.ask('Is the onion blue?', { maxNewTokens: 3 });
    const before = chat.history;
    const stop = new AbortController();
    const aborted = (async () => {
      for await (const event of chat.say('And the apple?', { signal: stop.signal })) {
        if (event.type === 'token') stop.abort(new Error('enough'));
      }
    })();
    await expect(aborted).rejects.toThrow('enough');
    expect(chat.history).toBe(before);
    expect(await chat.ask('And the apple?', { maxNewTokens: 3 })).toMatchObject({
      reason: 'length',
    });
  });

  test('a turn that nobody reads to its end leaves it as it was', async () => {
    await using chat = model.chat();
    for await (const event of chat.say('Hello')) if (event.type === 'token') break;
    expect(chat.history).toEqual([]);
    await chat.ask('Hello', { maxNewTokens: 2 });
    expect(chat.history).toHaveLength(1);
  });

  test('answers one question at a time', async () => {
    await using chat = model.chat();
    const first = chat.say('Hello', { maxNewTokens: 2 });
    await first.next();
    await expect(chat.ask('And?')).rejects.toThrow('still answering');
    await first.return(undefined);
  });
});

describe('pictures', () => {
  test('stay in the conversation, and are not read again', async () => {
    await using chat = model.chat();
    const first = await chat.ask('What is it?', { images: [tinyPicture], maxNewTokens: 2 });
    expect(first.usage).toMatchObject({ imageTokens: 841, promptTokens: 855 });
    const again = await chat.ask('Sure?', { maxNewTokens: 2 });
    expect(again.usage.imageTokens).toBe(841);
    expect(again.usage.cachedTokens).toBeGreaterThan(841);
    expect(first.usage.pictures.encoded + first.usage.pictures.reused).toBe(1);
    expect(again.usage.pictures).toEqual({ encoded: 0, reused: 0 });
  }, 60_000);

  test('are not read again when a turn needs more room than those before', async () => {
    await using chat = model.chat();
    const sampler = (_: Float32Array, { length }: readonly number[]) => (length < 3 ? 334 : 92542);
    const first = await chat.ask('What is it?', { images: [tinyPicture], sampler });
    const { usage } = await chat.ask('Sure?', { maxNewTokens: 2000, sampler });
    expect(usage.cachedTokens).toBeGreaterThanOrEqual(first.usage.promptTokens);
    expect(usage.pictures).toEqual({ encoded: 0, reused: 0 });
  }, 60_000);

  test('over the length limit are an error that says what to lower', async () => {
    await using chat = model.chat({ maxLength: 500 });
    await expect(chat.ask('What is it?', { images: [tinyPicture] })).rejects.toThrow(/Lower hdNum/);
  });

  test('that cannot be read are an error, and the conversation goes on', async () => {
    await using chat = model.chat();
    const images = [new Uint8Array([1, 2, 3])];
    await expect(chat.ask('What is it?', { images })).rejects.toThrow();
    await expect(chat.ask('Hello', { maxNewTokens: 1 })).resolves.toBeTruthy();
  });
});

describe('videos', () => {
  const video = fileURLToPath(new URL('../../../../fixtures/video/numbered.mp4', import.meta.url));
  const four = { kind: 'count', count: 4 } as const;
  const two = { kind: 'count', count: 2 } as const;

  test('that cannot be read are an error, and the conversation goes on', async () => {
    await using chat = model.chat();
    const images = [{ video: new Uint8Array([1, 2, 3]) }];
    await expect(chat.ask('What happens?', { images })).rejects.toThrow('it is damaged');
    expect(chat.history).toEqual([]);
  });

  test('of too many frames are an error that says how many fit beside the rest', async () => {
    const most = async (images: readonly ImageInput[], maxLength: number): Promise<number> => {
      await using chat = model.chat({ maxLength });
      const error = await chat.ask('What happens?', { images }).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(TooManyFramesError);
      return (error as TooManyFramesError).fit;
    };
    const alone = await most([{ video }], 3700);
    expect(alone).toBe(11);
    expect(await most([{ video }, tinyPicture], 3700)).toBeLessThan(alone);
    expect(await most([{ video }, { video }], 3700)).toBeLessThan(alone);
    expect(await most([{ video }], 1000)).toBe(0);
  });

  /** What a chat tells of decoding; the turn is given up before the model reads anything. */
  async function decoding(chat: Chat, images: readonly ImageInput[], frames: number) {
    const told: (readonly number[])[] = [];
    for await (const event of chat.say('What happens?', { images })) {
      if (event.type !== 'video-progress') throw new Error(`${event.type} before all was decoded`);
      told.push([event.image, event.decoded, event.wanted]);
      if (told.length === frames) break;
    }
    return told;
  }

  test.skipIf(!ffmpeg)('are thinned on request', async () => {
    await using chat = model.chat({ maxLength: 2000 });
    const told = await decoding(chat, [{ video, tooManyFrames: 'thin' }], 4);
    expect(told.at(-1)).toEqual([0, 4, 4]);
  });

  test.skipIf(!ffmpeg)('stand among pictures, and tell how far they are', async () => {
    await using chat = model.chat();
    const images = [{ video, sampling: four }, tinyPicture, { video, sampling: two }];
    expect(await decoding(chat, images, 6)).toEqual([
      ...[1, 2, 3, 4].map((decoded) => [0, decoded, 4]),
      ...[1, 2].map((decoded) => [2, decoded, 2]),
    ]);
  });

  test.skipIf(!ffmpeg)('come in later turns, and may be given up', async () => {
    await using chat = model.chat({ images: [tinyPicture] });
    await chat.ask('Hello', { maxNewTokens: 1 });
    expect(await decoding(chat, [{ video }], 2)).toEqual([
      [1, 1, 12],
      [1, 2, 12],
    ]);
    await expect(chat.ask('Hello', { maxNewTokens: 1 })).resolves.toBeTruthy();
  });
});

describe('at the end', () => {
  test('a disposed chat answers no more, and its model forgets it', async () => {
    const chat = model.chat();
    await chat[Symbol.asyncDispose]();
    await chat[Symbol.asyncDispose]();
    await expect(chat.ask('Hi')).rejects.toThrow('This chat has been disposed');
  });

  test.each(['ask', 'embed'] as const)(
    'a chat disposed while %s() reads a picture goes no further, and holds nothing',
    async (method) => {
      const chat = model.chat();
      const before = model.heldPositions;
      let arrive = () => {};
      const arrived = new Promise<void>((resolve) => {
        arrive = resolve;
      });
      const picture = await readFile(picturePath);
      const slow = Object.assign(new Blob([picture]), {
        arrayBuffer: () => arrived.then(() => new Uint8Array(picture).buffer),
      });
      const asked = chat[method]('What is it?', { images: [slow] });
      await chat[Symbol.asyncDispose]();
      arrive();
      await expect(asked).rejects.toThrow('This chat has been disposed');
      expect(model.heldPositions).toBe(before);
    },
  );

  test('a chat disposed while it loads a grammar goes no further', async () => {
    const other = await openModel(micro, { backend });
    const chat = other.chat();
    const asked = chat.ask('Yes?', { responseFormat: { type: 'regex', pattern: 'yes' } });
    await chat[Symbol.asyncDispose]();
    await expect(asked).rejects.toThrow('This chat has been disposed');
    expect(other.heldPositions).toBe(0);
    await other[Symbol.asyncDispose]();
  });

  test('a chat disposed within its answer ends it', async () => {
    const chat = model.chat();
    const answer = chat.say('Hello', { beams: 2 });
    await answer.next();
    const next = answer.next();
    await chat[Symbol.asyncDispose]();
    await expect(collect(answer).then(() => next)).rejects.toThrow('This chat has been disposed');
  });

  test('a disposed model opens no chat', async () => {
    const other = await openModel(micro, { backend });
    await other[Symbol.asyncDispose]();
    expect(() => other.chat()).toThrow('This model has been disposed');
  });
});

describe('at the door', () => {
  test.each([
    [{ meta: 3 }, 'meta must be a text or true, but it is 3'],
    [{ history: [{ query: 'Hi' }] }, 'history must be a list of { query, answer } texts'],
    [{ images: 'a.png' }, 'images must be a list of pictures, but it is "a.png"'],
    [{ hdNum: 0 }, 'hdNum must be a whole number of tiles above 0'],
  ])('%j is a TypeError', (options, message) => {
    expect(() => model.chat(options as object)).toThrow(message);
  });

  test('a question that is no text is a TypeError', async () => {
    await using chat = model.chat();
    await expect(chat.ask(7 as unknown as string)).rejects.toThrow('the question must be a text');
    await expect(chat.ask('Hi', { images: 'a.png' as never })).rejects.toThrow('images must be');
  });

  test('unknown options are errors that list the known ones', async () => {
    expect(() => model.chat({ hdnum: 9 } as object)).toThrow('chat: unknown option hdnum');
    await using chat = model.chat();
    await expect(chat.ask('Hi', { maxTokens: 9 } as object)).rejects.toThrow(
      'say: unknown option maxTokens. It takes images, maxNewTokens',
    );
  });

  test('an adapter that is not there is an error', async () => {
    await using chat = model.chat({ adapter: 'poem' as 'web' });
    await expect(chat.ask('Hi')).rejects.toThrow('no "poem" adapter: it offers base, web, write');
  });
});

import { fileURLToPath } from 'node:url';
import { referenceBackend as backend, MemoryBudgetError, type PlannedModel } from '@lingbi/core';
import { planVideo } from '@lingbi/video';
import { beforeAll, describe, expect, test } from 'vitest';
import { openModel } from '../model/open-model.ts';
import { describeCheckpoint } from './describe-checkpoint.ts';
import { defaultBudget } from './free-memory.ts';
import { parseBytes } from './parse-bytes.ts';
import { fittingSettings, planMemory } from './plan-request.ts';

const micro = fileURLToPath(new URL('../../../../fixtures/ixc25-micro', import.meta.url));
const cars = fileURLToPath(new URL('../../../../fixtures/pictures/cars1.jpg', import.meta.url));
const MiB = 2 ** 20;

describe('parseBytes()', () => {
  test.each([
    [1024, 1024],
    ['8 GiB', 8 * 2 ** 30],
    ['500MB', 5e8],
    ['1.5 gib', 1.5 * 2 ** 30],
    [Infinity, Infinity],
  ])('%s is %d bytes', (size, bytes) => expect(parseBytes(size)).toBe(bytes));

  test.each(['8', 'GiB', '8 XB', '', 0, -1, Number.NaN])('%s is refused', (size) => {
    expect(() => parseBytes(size)).toThrow(
      "must be a number of bytes above 0 or a text like '8 GiB'",
    );
  });
});

test('the default budget holds what the process has already', () => {
  expect(defaultBudget()).toBeGreaterThan(process.memoryUsage.rss());
  expect(Number.isFinite(defaultBudget())).toBe(true);
});

describe('planMemory()', () => {
  let model: PlannedModel;
  beforeAll(async () => {
    model = await describeCheckpoint(micro, { backend });
  });
  const positions = (images: Parameters<typeof planMemory>[1]) =>
    planMemory(model, images).segments.map(({ tokens }) => tokens);

  // The table of spec MODEL §9.
  test.each([
    [560, 560, 841],
    [640, 480, 2061],
    [3840, 2160, 10101],
  ])('a picture of %d × %d takes %d positions', (width, height, tokens) => {
    expect(positions({ images: [{ width, height }], textTokens: 7 })).toEqual([tokens, 7]);
  });

  test('encoded pictures are counted as far as they are kept', async () => {
    const none = await describeCheckpoint(micro, { backend, imageCacheBytes: 0 });
    const pictures = { images: Array.from({ length: 3 }, () => ({ rows: 1, columns: 1 })) };
    const rows = (planned: PlannedModel) => planMemory(planned, pictures).bytes.imageRows;
    expect(rows(model)).toBe(3 * rows(none));
  });

  test('several pictures are cut less finely, hdNum decides, a video is a grid', () => {
    const hd = { width: 3840, height: 2160 };
    expect(positions({ images: [hd, hd] })[0]).toBeLessThan(positions({ images: [hd] })[0]!);
    expect(positions({ images: [hd], hdNum: 1 })[0]).toBe(841);
    expect(positions({ images: [{ rows: 2, columns: 1 }] })[0]).toBe(841 + 420);
  });

  test('frames of a video are a strip, as planVideo lays it', () => {
    const frame = { width: 1280, height: 720 };
    const [tokens] = positions({ images: [{ ...frame, frames: 8 }] });
    expect(tokens).toBe(planVideo(frame, 8).strip.tokens);
  });

  test('the largest settings that fit do fit, and one more does not', () => {
    const request = { images: [{ width: 3840, height: 2160 }], maxNewTokens: 100 };
    const budget = planMemory(model, request).peak + MiB;
    const fitting = fittingSettings(model, request, budget);
    expect(fitting.hdNum).toBeGreaterThanOrEqual(24);
    for (const setting of ['hdNum', 'beams', 'maxNewTokens'] as const) {
      const peak = (value: number) => planMemory(model, { ...request, [setting]: value }).peak;
      expect(peak(fitting[setting])).toBeLessThanOrEqual(budget);
      if (setting !== 'hdNum') expect(peak(fitting[setting] + 1)).toBeGreaterThan(budget);
    }
  });
});

describe('a memory budget', () => {
  test('that has no room for the model is refused', async () => {
    await expect(openModel(micro, { backend, memoryBudget: '1 MiB' })).rejects.toThrow(
      MemoryBudgetError,
    );
  });

  test('that has no room for an answer names settings, and the values that fit', async () => {
    await using model = await openModel(micro, { backend });
    await using chat = model.chat();
    const options = { images: [cars], maxNewTokens: 60_000, beams: 3 };
    const budget =
      planMemory(model.xcomposer.planned!, { images: [{ rows: 1, columns: 1 }] }).peak + 64 * MiB;
    const error = await chat
      .ask('Hello', { ...options, memoryBudget: budget })
      .catch((each) => each);
    expect(error).toBeInstanceOf(MemoryBudgetError);
    expect(error).toMatchObject({ budget, needed: expect.any(Number) });
    const settings = error.advice.map(({ setting }: { setting: string }) => setting);
    expect(settings).toContain('maxNewTokens');
    expect(error.message).toContain('Set maxNewTokens to ');
    expect(chat.history).toEqual([]);
  });

  test('that has no room to embed a long text is refused before it is read', async () => {
    const described = await describeCheckpoint(micro, { backend });
    const memoryBudget = planMemory(described, { textTokens: 2000, maxNewTokens: 1 }).peak + MiB;
    await using model = await openModel(micro, { backend, memoryBudget });
    await using chat = model.chat({ maxLength: 100_000 });
    expect((await chat.embed('Hello')).last).toHaveLength(64);
    await expect(chat.embed('one two three '.repeat(15_000))).rejects.toThrow(MemoryBudgetError);
  });

  test('counts what an answer may still take while it is being written', async () => {
    await using model = await openModel(micro, { backend, memoryBudget: '64 GiB' });
    await using chat = model.chat();
    const answer = chat.say('Hello', { maxNewTokens: 1000 });
    await answer.next();
    const { heldPositions } = model;
    expect(heldPositions).toBeGreaterThan(1000);
    await answer.next();
    expect(model.heldPositions).toBe(heldPositions);
    await answer.return(undefined);
    expect(model.heldPositions).toBe(chat.heldPositions);
  });

  test('makes room without giving back what a chat goes on from itself', async () => {
    const memoryBudget = '64 GiB';
    await using model = await openModel(micro, { backend, prefixCacheBytes: MiB, memoryBudget });
    const ask = async (options = {}) => {
      await using chat = model.chat();
      return await chat.ask('Hello', { maxNewTokens: 60_000, sampler: () => 92542, ...options });
    };
    await ask();
    const { needed } = await ask({ memoryBudget: 1 }).then(
      () => undefined as never,
      (error: MemoryBudgetError) => error,
    );
    const { usage } = await ask({ memoryBudget: needed });
    expect(usage.cachedTokens).toBe(usage.promptTokens - 1);
  });

  test('that was kept by following the advice answers', async () => {
    await using model = await openModel(micro, { backend });
    await using chat = model.chat();
    const budget = planMemory(model.xcomposer.planned!).peak + 64 * MiB;
    const ask = (maxNewTokens: number, stop: readonly string[]) =>
      chat.ask('Hello', { maxNewTokens, stop, memoryBudget: budget, minNewTokens: 1 });
    const error: MemoryBudgetError = await ask(1e6, ['x']).then(
      () => undefined as never,
      (each) => each,
    );
    const { value } = error.advice.find(({ setting }) => setting === 'maxNewTokens')!;
    const largest = Number(value);
    await expect(ask(largest + 1024, [])).rejects.toThrow(MemoryBudgetError);
    await using patient = model.chat();
    const short = AbortSignal.timeout(1);
    const asked = patient.ask('Hello', {
      maxNewTokens: largest,
      memoryBudget: budget,
      signal: short,
    });
    await expect(asked).rejects.not.toBeInstanceOf(MemoryBudgetError);
  });

  test('cannot be kept on a backend that does not say how it uses memory', async () => {
    const { name, compile } = backend;
    await using model = await openModel(micro, { backend: { name, compile } });
    await using chat = model.chat();
    await expect(chat.ask('Hello', { memoryBudget: '8 GiB' })).rejects.toThrow(
      'Leave out memoryBudget',
    );
    expect((await chat.ask('Hello', { maxNewTokens: 1 })).usage.newTokens).toBe(1);
  });
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { referenceBackend as backend } from '@lingbi/core';
import { synthCheckpoint } from '@lingbi/hub';
import { findFfmpeg } from '@lingbi/video';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Model, openModel } from '../model/open-model.ts';

const clip = fileURLToPath(new URL('../../../../fixtures/demo/clip.mp4', import.meta.url));
const ffmpeg = await findFfmpeg().catch(() => undefined);

const decoder = { vocabularySize: 384, hiddenSize: 64, mlpSize: 96, layers: 1 };
const shape = { ...decoder, heads: 4, kvHeads: 2 };

describe('a checkpoint without a vision tower', () => {
  let folder: string;
  let model: Model;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lingbi-text-only-'));
    await synthCheckpoint(join(folder, 'text'), { shape, weights: 'f32' });
    model = await openModel(join(folder, 'text'), { backend });
  });
  afterAll(async () => {
    await model[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  test('answers questions, one after the other', async () => {
    await using chat = model.chat();
    const first = await chat.ask('hi', { maxNewTokens: 3 });
    expect(first.usage.newTokens).toBeGreaterThan(0);
    await chat.ask('and then?', { maxNewTokens: 3 });
    expect(chat.history).toHaveLength(2);
  });

  test('embeds a question', async () => {
    await using chat = model.chat();
    expect((await chat.embed('hi')).last).toHaveLength(64);
  });

  test('says of a picture that it reads only text, and answers the next question', async () => {
    await using chat = model.chat();
    const picture = { width: 2, height: 2, channels: 3, data: new Uint8Array(12) } as const;
    const asking = chat.ask('What is this?', { images: [picture] });
    await expect(asking).rejects.toMatchObject({
      name: 'UnsupportedError',
      message: expect.stringContaining('This checkpoint reads only text'),
    });
    expect((await chat.ask('hi', { maxNewTokens: 1 })).usage.newTokens).toBe(1);
  });

  test.skipIf(!ffmpeg)('says it of a video, however long prompts may be', async () => {
    for (const overflow of ['throw', 'truncate'] as const) {
      await using chat = model.chat({ overflow });
      const asking = chat.ask('Who wins?', { images: [{ video: clip }] });
      await expect(asking).rejects.toThrow('This checkpoint reads only text');
    }
  });
});

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileXComposer, generate, openCheckpoint } from '@lingbi/core';
import { createTokenizer } from '@lingbi/tokenizer';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chooseBackend } from './backends.ts';
import { writeStoriesCheckpoint } from './test-support/stories-checkpoint.ts';

const fixture = fileURLToPath(new URL('../../../fixtures/stories260k', import.meta.url));

/** The recorded story has 200 tokens; token 1 begins a text. */
const STEPS = 200;
const BEGIN = 1;

describe('stories260K, repacked as InternLM2, tells the story that llama2.c tells', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lingbi-stories-'));
    await writeStoriesCheckpoint(folder);
  });

  afterAll(() => rm(folder, { recursive: true }));

  test.each(['reference', 'onnx', 'tfjs'] as const)('on the %s backend', async (name) => {
    const story = await tell(folder, name);
    const expected = await readFile(join(fixture, 'expected.txt'));
    expect(expected).toHaveLength(464);
    expect(Buffer.from(story)).toEqual(expected);
  });
});

async function tell(folder: string, name: 'reference' | 'onnx' | 'tfjs'): Promise<string> {
  const tokenizer = createTokenizer(await readFile(join(folder, 'tokenizer.model')));
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
  const backend = await chooseBackend({ backend: name });
  const checkpoint = await openCheckpoint(folder);
  await using model = await compileXComposer({ backend, checkpoint, config });
  using sequence = model.openSequence({ capacity: STEPS + 1 });
  const prompt = [{ type: 'text', ids: Int32Array.of(BEGIN) }] as const;
  const ids: number[] = [];
  const options = { stopTokens: new Set([BEGIN]), maxNewTokens: STEPS };
  for await (const event of generate(sequence, prompt, options)) {
    if (event.type === 'token') ids.push(event.token);
  }
  return tokenizer.decode(ids);
}

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeSafetensors } from '@lingbi/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventsOf, lingbi, microModel } from './test-support/run-lingbi.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lingbi-chat-'));
});
afterAll(() => rm(folder, { recursive: true }));

const chat = ['chat', ...microModel, '--greedy', '--max-new-tokens', '12', '--json'];

async function end(...words: string[]) {
  const ended = await lingbi([...chat, ...words, 'Hello']);
  expect(ended).toMatchObject({ code: 0 });
  return eventsOf(ended).find(({ type }) => type === 'end')!;
}

/** An adapter of rank 2 on one linear of each layer. */
async function writeAdapter(): Promise<string> {
  const where = join(folder, 'my-lora');
  await mkdir(where);
  const config = { peft_type: 'LORA', r: 2, lora_alpha: 4, bias: 'none', target_modules: ['wo'] };
  await writeFile(join(where, 'adapter_config.json'), JSON.stringify(config));
  const numbers = Float32Array.from({ length: 128 }, (_, i) => ((i * 37) % 101) / 50 - 1);
  const halves = [0, 1, 2].flatMap((layer) => [
    { layer, half: 'A', shape: [2, 64] },
    { layer, half: 'B', shape: [64, 2] },
  ]);
  const tensors = halves.map(({ layer, half, shape }) => ({
    name: `base_model.model.model.layers.${layer}.attention.wo.lora_${half}.weight`,
    ...({ dtype: 'float32', shape } as const),
    bytes: () => new Uint8Array(numbers.buffer),
  }));
  const copy = {
    ...tensors[0]!,
    name: 'base_model.model.model.layers.0.attention.wo.Plora_A.weight',
  };
  await writeSafetensors(join(where, 'adapter_model.safetensors'), [...tensors, copy]);
  return where;
}

describe('lingbi chat', () => {
  test('--adapter takes the folder of a LoRA adapter as well as the name of a task', async () => {
    const own = await writeAdapter();
    const answers = await Promise.all([end('--adapter', own), end('--adapter', 'web'), end()]);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(3);
  });

  test('--adapter tells what an adapter holds that is not used', async () => {
    const ended = await lingbi([...chat, '--adapter', join(folder, 'my-lora'), 'Hello']);
    const names = ['base_model.model.model.layers.0.attention.wo.Plora_A.weight'];
    const found = eventsOf(ended).filter(({ type }) => type === 'tensors-ignored');
    expect(found).toEqual([expect.objectContaining({ names })]);
  });

  test('--stop ends the answer before any of its texts', async () => {
    const { text } = await end();
    const [first, second] = [text.slice(3, 6), text.slice(6, 9)];
    const stopped = await end('--stop', second, '--stop', first);
    expect(stopped).toMatchObject({ text: text.slice(0, 3), reason: 'stop-string' });
  });

  test('--schema holds the answer to a JSON schema', async () => {
    const file = join(folder, 'age.schema.json');
    const properties = { age: { type: 'integer', minimum: 0, maximum: 9 } };
    const schema = { type: 'object', properties, required: ['age'], additionalProperties: false };
    await writeFile(file, JSON.stringify(schema));
    const { text } = await end('--schema', file);
    expect(JSON.parse(text)).toEqual({ age: expect.any(Number) });
  });

  test.each([
    [['--adapter', 'nowhere'], '--adapter: nowhere is neither base, web, write nor a folder'],
    [['--schema', 'nowhere.json'], '--schema: cannot read nowhere.json: ENOENT'],
    [
      ['--schema', fileURLToPath(import.meta.url)],
      'holds no JSON schema: write one as a JSON object',
    ],
  ])('%j is refused before the model is opened', async (words, message) => {
    const ended = await lingbi([...chat, ...words, 'Hello']);
    expect(ended.code).toBe(2);
    const [event, ...more] = eventsOf(ended);
    expect(event).toMatchObject({ type: 'error', message: expect.stringContaining(message) });
    expect(more).toEqual([]);
  });
});

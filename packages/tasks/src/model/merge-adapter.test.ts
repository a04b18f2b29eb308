import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { referenceBackend as backend, writeSafetensors } from '@lingbi/core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mergeAdapter } from './merge-adapter.ts';
import { openModel } from './open-model.ts';

const micro = fileURLToPath(new URL('../../../../fixtures/ixc25-micro', import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lingbi-merge-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** An adapter of rank 2 on one linear of each layer. */
async function writeAdapter(): Promise<string> {
  const where = join(folder, 'adapter');
  await mkdir(where);
  const config = { peft_type: 'LORA', r: 2, lora_alpha: 4, bias: 'none', target_modules: ['wo'] };
  await writeFile(join(where, 'adapter_config.json'), JSON.stringify(config));
  const numbers = (length: number) =>
    Float32Array.from({ length }, (_, i) => ((i * 37) % 101) / 50 - 1);
  const tensors = [0, 1, 2].flatMap((layer) =>
    [
      ['A', [2, 64]],
      ['B', [64, 2]],
    ].map(([half, shape]) => ({
      name: `base_model.model.model.layers.${layer}.attention.wo.lora_${half}.weight`,
      ...({ dtype: 'float32', shape: shape as number[] } as const),
      bytes: () => new Uint8Array(numbers(128).buffer),
    })),
  );
  const copy = {
    name: 'base_model.model.model.layers.0.attention.wo.Plora_A.weight',
    ...({ dtype: 'float32', shape: [2, 64] } as const),
    bytes: () => new Uint8Array(numbers(128).buffer),
  };
  await writeSafetensors(join(where, 'adapter_model.safetensors'), [...tensors, copy]);
  return where;
}

test('a loaded adapter, and the checkpoint it was merged into, answer alike', async () => {
  const adapter = await writeAdapter();
  const out = join(folder, 'merged');
  const ignored = ['base_model.model.model.layers.0.attention.wo.Plora_A.weight'];
  expect(await mergeAdapter(micro, adapter, out)).toEqual({ ignored });
  expect(await readdir(out)).toEqual(['config.json', 'model.safetensors', 'tokenizer.model']);
  await using model = await openModel(micro, { backend });
  expect(await model.loadAdapter('mine', adapter)).toEqual({ ignored });
  await using merged = await openModel(out, { backend });
  const options = { maxNewTokens: 2 }; // the merged weights are rounded to bfloat16 once more
  const ask = async (chat: ReturnType<typeof model.chat>) =>
    (await chat.ask('Hello', options)).text;
  const answers = [model.chat({ adapter: 'mine' }), merged.chat(), model.chat()].map(ask);
  const [loaded, written, base] = await Promise.all(answers);
  expect(loaded).toBe(written);
  expect(loaded).not.toBe(base);
  await model.unloadAdapter('mine');
  await expect(model.chat({ adapter: 'mine' }).ask('Hello')).rejects.toThrow('no "mine" adapter');
});

test('nothing is written over', async () => {
  await expect(mergeAdapter(micro, 'anything', micro)).rejects.toThrow(
    'give a folder that is not there',
  );
});

import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type Backend,
  referenceBackend as backend,
  type Program,
  writeSafetensors,
  type XComposer,
} from '@lingbi/core';
import type { Tokenizer } from '@lingbi/tokenizer';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { describeCheckpoint } from '../memory/describe-checkpoint.ts';
import { Model, openModel } from './open-model.ts';

const micro = fileURLToPath(new URL('../../../../fixtures/ixc25-micro', import.meta.url));

describe('openModel()', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lingbi-model-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('says what it runs on and which adapters there are', async () => {
    await using model = await openModel(micro, { backend });
    expect(model.device).toBe('CPU, plain loops');
    expect(model.xcomposer.adapters).toEqual(['base', 'web', 'write']);
    expect([...model.stopTokens]).toEqual([2, 92542]);
  });

  test('reports each weight as it comes in', async () => {
    const seen: number[] = [];
    const onProgress = ({ loadedWeights }: { loadedWeights: number }) => seen.push(loadedWeights);
    await using _ = await openModel(micro, { backend, onProgress });
    expect(seen.length).toBeGreaterThan(100);
    expect(seen).toEqual(seen.map((_, index) => index + 1));
  });

  test('stops when aborted', async () => {
    const signal = AbortSignal.abort(new Error('changed my mind'));
    await expect(openModel(micro, { backend, signal })).rejects.toThrow('changed my mind');
  });

  test('an id of the hub is looked up in the cache, and says so when it may not be fetched', async () => {
    const download = { offline: true, cacheFolder: folder };
    const opening = openModel('internlm/internlm-xcomposer2d5-7b', { backend, download });
    await expect(opening).rejects.toThrow(/internlm\/internlm-xcomposer2d5-7b.*offline/is);
  });

  test('a folder that is not there says what to give', async () => {
    await expect(openModel('/no/such/folder/anywhere', { backend })).rejects.toThrow(
      'Cannot open the model "/no/such/folder/anywhere": there is no such folder',
    );
  });

  test('a checkpoint without its tokenizer names the file', async () => {
    await cp(join(micro, 'config.json'), join(folder, 'config.json'));
    await expect(openModel(folder, { backend })).rejects.toThrow('it has no tokenizer.model');
  });

  test.each([
    ['AWQ', []],
    ['GPTQ', ['g_idx']],
  ] as const)('a checkpoint packed by %s says how to convert it', async (packing, more) => {
    const packed = join(folder, packing);
    await mkdir(packed);
    for (const file of ['config.json', 'tokenizer.model']) {
      await cp(join(micro, file), join(packed, file));
    }
    const tensors = ['qweight', 'qzeros', 'scales', ...more].map((part) => ({
      name: `model.layers.0.attention.wqkv.${part}`,
      dtype: 'int32' as const,
      shape: [1],
      bytes: () => new Uint8Array(4),
    }));
    await writeSafetensors(join(packed, 'model.safetensors'), tensors);
    const opening = openModel(packed, { backend });
    await expect(opening).rejects.toMatchObject({ name: 'PackedModelError', packing });
    await expect(opening).rejects.toThrow(`lingbi convert "${packed}" "${packed}-lingbi"`);
    const describing = describeCheckpoint(packed, { backend });
    await expect(describing).rejects.toMatchObject({ name: 'PackedModelError', packing });
  });

  test('a damaged tokenizer is named, and what was compiled meanwhile is given back', async () => {
    const damaged = join(folder, 'damaged');
    await cp(micro, damaged, { recursive: true });
    await writeFile(join(damaged, 'tokenizer.model'), 'no vocabulary');
    let program: Program | undefined;
    const once: Backend['compile'] = async (graphs, weights, options) => {
      program ??= await backend.compile(graphs, weights, options);
      return program;
    };
    await using _other = await openModel(micro, { backend: { ...backend, compile: once } });
    const disposed = vi.spyOn(program!, Symbol.asyncDispose);
    // Compiling takes no time now, so that it is over when the tokenizer is read.
    const opening = openModel(damaged, { backend: { ...backend, compile: once } });
    await expect(opening).rejects.toThrow(
      `Cannot open the model "${damaged}": its tokenizer.model cannot be read. Skipping field 13`,
    );
    expect(disposed).toHaveBeenCalledTimes(1);
  });

  test('a damaged configuration is named', async () => {
    await cp(join(micro, 'tokenizer.model'), join(folder, 'tokenizer.model'));
    await writeFile(join(folder, 'config.json'), '{ "hidden_size": 64');
    await expect(openModel(folder, { backend })).rejects.toThrow('its config.json is not JSON');
  });

  test('a memory budget that is none is refused before anything is opened', async () => {
    const opening = openModel(join(folder, 'nowhere'), { backend, memoryBudget: '8' });
    await expect(opening).rejects.toThrow("a text like '8 GiB', but it is");
  });

  test('an option it does not know is an error', async () => {
    const options = { backend, device: 'gpu' };
    await expect(openModel(micro, options)).rejects.toThrow(
      'openModel: unknown option device. It takes backend, compat, memoryBudget, prefixCacheBytes',
    );
  });
});

test('a grammar engine that cannot be loaded is tried again, and keeps no model from being disposed', async () => {
  const disposed = vi.fn(async () => {});
  const xcomposer = {
    config: { decoder: { vocabularySize: 8 } },
    [Symbol.asyncDispose]: disposed,
  } as unknown as XComposer;
  const read = vi.fn(() => {
    throw new Error('no engine');
  });
  const tokenizer = Object.defineProperty({}, 'model', { get: read }) as Tokenizer;
  const model = new Model(xcomposer, tokenizer, new Set());
  for (const times of [1, 2]) {
    const format = { type: 'regex', pattern: 'yes' } as const;
    await expect(model.constrain(format)).rejects.toThrow('no engine');
    expect(read).toHaveBeenCalledTimes(times);
  }
  await model[Symbol.asyncDispose]();
  expect(disposed).toHaveBeenCalledTimes(1);
});

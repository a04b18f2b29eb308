import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AdapterUnloadedError } from '../../adapters/adapter-unloaded-error.ts';
import { mergedCheckpoint } from '../../adapters/merged-checkpoint.ts';
import { openAdapter } from '../../adapters/open-adapter.ts';
import { type MadeUpAdapter, writeAdapter } from '../../adapters/test-files/made-up-adapter.ts';
import { finishPrefill } from '../../generate/sequence.ts';
import { planMemory } from '../../plan/plan-memory.ts';
import { referenceBackend } from '../../reference/reference-backend.ts';
import { relativeError } from '../../testing/relative-error.ts';
import { widenCheckpoint } from '../../testing/widen-checkpoint.ts';
import type { Checkpoint } from '../../weights/checkpoint.ts';
import { openCheckpoint } from '../../weights/open-checkpoint.ts';
import { compileXComposer } from './compile-model.ts';
import type { XComposer } from './model.ts';

const micro = fileURLToPath(new URL('../../../../../fixtures/ixc25-micro', import.meta.url));
const config = JSON.parse(readFileSync(`${micro}/config.json`, 'utf8'));
const text = { type: 'text', ids: Int32Array.of(1, 92543, 1008, 364, 5054, 3280) } as const;
const pixels = () => new Float32Array(3 * 560 * 560).fill(0.5);
const image = {
  grid: { rows: 1, columns: 1 },
  tileSize: 560,
  key: 'flat',
  globalView: pixels,
  tile: pixels,
};
const picture = { type: 'image', image, tokens: 30 } as const;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lingbi-adapter-'));
});
afterAll(() => rm(folder, { recursive: true }));

let count = 0;
const write = (made: Partial<MadeUpAdapter> = {}) =>
  writeAdapter(join(folder, `${count++}`), { seed: 'one', ...made });

const separators = {
  'base_model.model.plora_glb_GN': [1, 1, 64],
  'base_model.model.plora_sub_GN': [1, 1, 1, 64],
};

async function openModel(checkpoint?: Checkpoint): Promise<XComposer> {
  return compileXComposer({
    ...{ backend: referenceBackend, config },
    checkpoint: checkpoint ?? (await openCheckpoint(micro)),
  });
}

async function load(model: XComposer, name: string, where: string): Promise<void> {
  await using adapter = await openAdapter(where);
  await model.loadAdapter(name, adapter);
}

async function lastEvent<Event>(events: AsyncIterable<Event>): Promise<Event | undefined> {
  let last: Event | undefined;
  for await (const event of events) last = event;
  return last;
}

/** What follows a text, a picture and a text. */
async function logits(model: XComposer, adapter = 'base'): Promise<Float32Array> {
  const prompt = [text, picture, { ...text }];
  using sequence = model.openSequence({ capacity: 64, adapter, prompt });
  return await finishPrefill(sequence.prefill(prompt));
}

describe("a user's adapter", () => {
  test('whose B is zero changes nothing', async () => {
    await using model = await openModel();
    await load(model, 'nothing', await write({ size: 0 }));
    expect(relativeError(await logits(model, 'nothing'), await logits(model))).toBeLessThan(1e-6);
  });

  test('answers as the checkpoint into which it is merged, on text and pictures', async () => {
    const where = await write();
    await using model = await openModel();
    await load(model, 'mine', where);
    await using merged = await openModel(
      mergedCheckpoint(widenCheckpoint(await openCheckpoint(micro)), await openAdapter(where)),
    );
    const found = await logits(model, 'mine');
    expect(relativeError(found, await logits(merged))).toBeLessThan(1e-5);
    expect(relativeError(found, await logits(model))).toBeGreaterThan(1e-2);
  });

  test('brings separators of pictures along, as it does where it is merged', async () => {
    const where = await write({ more: separators });
    await using model = await openModel();
    const base = await logits(model);
    await load(model, 'mine', where);
    await load(model, 'plain', await write());
    const wide = widenCheckpoint(await openCheckpoint(micro));
    await using merged = await openModel(mergedCheckpoint(wide, await openAdapter(where)));
    const found = await logits(model, 'mine');
    expect(relativeError(found, await logits(merged))).toBeLessThan(1e-5);
    expect(relativeError(found, await logits(model, 'plain'))).toBeGreaterThan(1e-3);
    expect(relativeError(await logits(model), base)).toBe(0);
  });

  test('with separators of another width is refused', async () => {
    const where = await write({ more: { 'base_model.model.plora_sub_GN': [1, 1, 1, 32] } });
    await using model = await openModel();
    await expect(load(model, 'mine', where)).rejects.toThrow('holds 32 numbers, not 64');
    await using base = await openCheckpoint(micro);
    await using adapter = await openAdapter(where);
    expect(() => mergedCheckpoint(base, adapter)).toThrow(
      '[1, 1, 1, 32], but plora_sub_GN is [1, 1, 1, 64]',
    );
  });

  test('acts on embeddings as well, until it is taken away', async () => {
    const where = await write();
    await using model = await openModel();
    await load(model, 'mine', where);
    await using merged = await openModel(
      mergedCheckpoint(widenCheckpoint(await openCheckpoint(micro)), await openAdapter(where)),
    );
    const { last } = await model.embedPrompt([text], { adapter: 'mine' });
    expect(relativeError(last, (await merged.embedPrompt([text])).last)).toBeLessThan(1e-5);
    expect(relativeError(last, (await model.embedPrompt([text])).last)).toBeGreaterThan(1e-2);
    await model.unloadAdapter('mine');
    await expect(model.embedPrompt([text], { adapter: 'mine' })).rejects.toThrow(
      'no "mine" adapter',
    );
    await load(model, 'mine', await write({ seed: 'two' }));
    const other = await model.embedPrompt([text], { adapter: 'mine' });
    expect(relativeError(other.last, last)).toBeGreaterThan(1e-2);
  });

  test('acts only where it is asked for, beside others, and can be taken away', async () => {
    await using model = await openModel();
    const base = await logits(model);
    await load(model, 'one', await write());
    await load(
      model,
      'two',
      await write({ seed: 'two', linears: ['attention.wqkv', 'feed_forward.w2'] }),
    );
    expect(model.adapters).toEqual(['base', 'web', 'write', 'one', 'two']);
    const [one, two] = [await logits(model, 'one'), await logits(model, 'two')];
    expect(relativeError(one, two)).toBeGreaterThan(1e-2);
    expect(await logits(model)).toEqual(base);
    await model.unloadAdapter('one');
    expect(() => model.openSequence({ capacity: 4, adapter: 'one' })).toThrow(
      'no "one" adapter: it offers base, web, write, two',
    );
    expect(await logits(model, 'two')).toEqual(two);
    await expect(model.unloadAdapter('one')).rejects.toThrow('No adapter "one" was loaded');
    await load(model, 'one', await write());
    expect(await logits(model, 'one')).toEqual(one);
  });

  test('leaves nothing behind for another of its name', async () => {
    await using model = await compileXComposer({
      ...{ backend: referenceBackend, config, prefixCacheBytes: 2 ** 20 },
      checkpoint: await openCheckpoint(micro),
    });
    await load(model, 'mine', await write());
    await logits(model, 'mine');
    await model.unloadAdapter('mine');
    await load(model, 'mine', await write({ seed: 'two' }));
    await load(model, 'same', await write({ seed: 'two' }));
    expect(await logits(model, 'mine')).toEqual(await logits(model, 'same'));
  });

  test('leaves nothing behind in the slots of a scheduler either', async () => {
    await using model = await openModel();
    await using scheduler = model.openScheduler({ slots: 1, capacity: 32 });
    const request = { stopTokens: new Set<number>(), maxNewTokens: 1, topLogprobs: 5 };
    const ask = async (adapter: string) => {
      const { events } = scheduler.admit({ ...request, prompt: [text], adapter });
      const all = [];
      for await (const event of events) all.push(event);
      return all.flatMap((event) => (event.type === 'token' ? event.logprobs!.top : []));
    };
    await load(model, 'mine', await write());
    await ask('mine');
    await model.unloadAdapter('mine');
    await load(model, 'mine', await write({ seed: 'two' }));
    await load(model, 'same', await write({ seed: 'two' }));
    const found = await ask('mine');
    expect(scheduler.load.prefixes).toMatchObject({ hits: 0, misses: 2 });
    expect(found).toEqual(await ask('same'));
  });

  test('that is unloaded takes what runs with it along, and what that has read', async () => {
    await using model = await compileXComposer({
      ...{ backend: referenceBackend, config, prefixCacheBytes: 2 ** 20 },
      checkpoint: await openCheckpoint(micro),
    });
    await load(model, 'mine', await write());
    const sequence = model.openSequence({ capacity: 32, adapter: 'mine' });
    await finishPrefill(sequence.prefill([text]));
    await using scheduler = model.openScheduler({ slots: 2, capacity: 32, automatic: false });
    const request = { stopTokens: new Set<number>(), maxNewTokens: 5, prompt: [text] };
    const [mine, base] = ['mine', 'base'].map((adapter) =>
      lastEvent(scheduler.admit({ ...request, adapter }).events),
    );
    mine!.catch(() => {});
    for (let steps = 0; steps < 3; steps++) await scheduler.step(); // both write
    await logits(model, 'mine');
    await logits(model);
    expect(model.prefixes.use.sequences).toBe(2);
    await model.unloadAdapter('mine');
    expect(model.prefixes.use.sequences).toBe(1);
    await load(model, 'mine', await write({ seed: 'two' }));
    await expect(sequence.feed(5)).rejects.toThrow(AdapterUnloadedError);
    sequence[Symbol.dispose]();
    expect(model.prefixes.use.sequences).toBe(1);
    while (await scheduler.step());
    await expect(mine).rejects.toThrow('The adapter "mine" was unloaded');
    expect(await base).toMatchObject({ type: 'generation-end', newTokens: 5 });
  });

  test('is scaled by alpha over rank, or over its root', async () => {
    await using model = await openModel();
    await load(model, 'plain', await write({ config: { lora_alpha: 8 } }));
    await load(model, 'root', await write({ config: { lora_alpha: 4, use_rslora: true } }));
    expect(relativeError(await logits(model, 'root'), await logits(model, 'plain'))).toBeLessThan(
      1e-6,
    );
  });

  test('counts in plans of memory', async () => {
    await using model = await openModel();
    await load(model, 'mine', await write());
    const prompt = [{ type: 'text', tokens: 5 }] as const;
    const weights = (adapter: string) =>
      planMemory(model.planned!, { prompt, adapter }).bytes.weights;
    expect(weights('mine')).toBeGreaterThan(weights('base'));
    await load(model, 'other', await write({ more: separators }));
    const image = { type: 'image', grid: { rows: 1, columns: 1 } } as const;
    const rows = (adapter: string) =>
      planMemory(model.planned!, { prompt: [image], adapter }).bytes.imageRows;
    expect([rows('mine'), rows('other')]).toEqual([rows('base'), 2 * rows('base')]);
    await model.unloadAdapter('other');
    expect(() => planMemory(model.planned!, { prompt, adapter: 'other' })).toThrow(
      'no "other" adapter',
    );
  });

  test('needs a name of its own', async () => {
    await using model = await openModel();
    const where = await write();
    for (const name of ['web', 'a/b', '', '../x']) {
      await expect(load(model, name, where)).rejects.toThrow('Cannot use the adapter');
    }
  });
});

describe('an adapter that cannot be used says why', () => {
  test.each<[Partial<MadeUpAdapter>, string]>([
    [{ config: { peft_type: 'IA3' } }, 'peft_type "IA3": only LORA'],
    [{ config: { use_dora: true } }, 'use_dora: true, which is not supported'],
    [{ config: { rank_pattern: { wo: 8 } } }, 'rank_pattern: {"wo":8}'],
    [{ config: { bias: 'all' } }, 'bias: "all"'],
    [{ config: { modules_to_save: ['output'] } }, 'modules_to_save: ["output"]'],
    [{ config: { init_lora_weights: 'pissa' } }, 'init_lora_weights: "pissa"'],
    [{ config: { r: 8 } }, 'but its configuration says r: 8'],
    [{ config: { r: 0 } }, 'r: 0, but a rank is a whole number'],
    [{ config: { lora_alpha: 'x' } }, 'lora_alpha: "x"'],
    [{ linears: ['attention.wk'] }, 'it adapts model.layers.0.attention.wk.weight and 2 more'],
    [{ linears: [] }, 'it holds no lora_A and lora_B'],
  ])('%j', async (made, message) => {
    await using model = await openModel();
    const where = await write(made);
    await expect(load(model, 'mine', where)).rejects.toThrow(message);
    expect(model.adapters).toEqual(['base', 'web', 'write']);
  });

  test('one of another model names both shapes', async () => {
    await using model = await openModel();
    const where = await write({
      linears: ['attention.wo'],
      more: {
        'base_model.model.model.layers.0.attention.wqkv.lora_A.weight': [4, 32],
        'base_model.model.model.layers.0.attention.wqkv.lora_B.weight': [128, 4],
      },
    });
    await expect(load(model, 'mine', where)).rejects.toThrow(
      '[4, 64], but the checkpoint holds [4, 32]',
    );
  });

  test('a folder without the files, or with half of a pair', async () => {
    await expect(openAdapter(join(folder, 'nowhere'))).rejects.toThrow(
      'it has no adapter_config.json',
    );
    const where = await write({
      linears: [],
      more: { 'base_model.model.model.layers.0.attention.wo.lora_A.weight': [4, 64] },
    });
    await expect(openAdapter(where)).rejects.toThrow('only one of the two matrices');
    await rm(join(where, 'adapter_model.safetensors'));
    await expect(openAdapter(where)).rejects.toThrow('neither');
    await writeFile(join(where, 'adapter_config.json'), '{');
    await expect(openAdapter(where)).rejects.toThrow('is not JSON');
  });
});

describe('mergedCheckpoint()', () => {
  test('leaves every other tensor as it is, to the byte', async () => {
    await using base = await openCheckpoint(micro);
    await using merged = mergedCheckpoint(
      await openCheckpoint(micro),
      await openAdapter(await write()),
    );
    expect(merged.names).toEqual(base.names);
    const changed: string[] = [];
    for (const name of base.names) {
      const same = Buffer.compare(await base.read(name), await merged.read(name)) === 0;
      if (!same) changed.push(name);
    }
    expect(changed).toHaveLength(15);
    expect(changed.every((name) => /(wqkv|wo|w[123])\.weight$/.test(name))).toBe(true);
  });

  test('tensors that are neither LoRA nor trained with it are named, and not used', async () => {
    const more = { 'base_model.model.model.layers.0.attention.wo.Plora_A.weight': [4, 64] };
    await using adapter = await openAdapter(await write({ more }));
    expect(adapter.ignored).toEqual(Object.keys(more));
  });
});

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { Backend } from '../../backend/backend.ts';
import type { Prompt } from '../../generate/prompt.ts';
import { finishPrefill } from '../../generate/sequence.ts';
import type { Graph } from '../../graph/graph.ts';
import { planMemory } from '../../plan/plan-memory.ts';
import { referenceBackend } from '../../reference/reference-backend.ts';
import { relativeError } from '../../testing/index.ts';
import { openCheckpoint } from '../../weights/open-checkpoint.ts';
import type { TiledImage } from '../tiled-image.ts';
import { compileXComposer } from './compile-model.ts';
import { readConfig } from './config.ts';
import type { XComposer } from './model.ts';
import type { XComposerOptions } from './options.ts';

const folder = fileURLToPath(new URL('../../../../../fixtures/ixc25-micro', import.meta.url));
const config = JSON.parse(readFileSync(`${folder}/config.json`, 'utf8'));
const ids = Int32Array.of(1, 92543, 1008, 364, 5054, 3280, 550, 2321);

async function open(options: Partial<XComposerOptions> = {}): Promise<XComposer> {
  const checkpoint = options.checkpoint ?? (await openCheckpoint(folder));
  return compileXComposer({ backend: referenceBackend, config, ...options, checkpoint });
}

/** A picture of one tile whose pixels are all the same number. */
function flatImage(value: number): TiledImage {
  const pixels = () => new Float32Array(3 * 560 * 560).fill(value);
  const grid = { rows: 1, columns: 1 };
  return { grid, tileSize: 560, key: `flat ${value}`, globalView: pixels, tile: pixels };
}

test('sizes come from the configuration and the shapes of the tensors', async () => {
  await using checkpoint = await openCheckpoint(folder);
  expect(readConfig(config, checkpoint)).toMatchObject({
    decoder: {
      hiddenSize: 64,
      layers: 3,
      heads: 4,
      kvHeads: 2,
      headDim: 16,
      vocabularySize: 92544,
    },
    vision: { tower: { tileSize: 560, patchSize: 14, hiddenSize: 16, layers: 3, heads: 2 } },
    rotary: { theta: 1e6, scaling: { kind: 'dynamic', factor: 2, trainedLength: 32768 } },
    adapters: ['base', 'web', 'write'],
    imageLoraFactor: 1,
  });
});

describe('a configuration that makes no sense is named', () => {
  test.each([
    [{ num_attention_heads: undefined }, 'config.json has no num_attention_heads'],
    [{ num_attention_heads: 0 }, 'makes num_attention_heads 0, but it should be a whole number'],
    [{ num_attention_heads: 5 }, 'makes num_attention_heads 5'],
    [{ num_key_value_heads: 3 }, 'makes num_key_value_heads 3'],
    [{ num_hidden_layers: 99 }, 'holds num_hidden_layers: 99, but the checkpoint'],
    [{ hidden_size: 128 }, 'holds hidden_size: 128'],
    [{ hidden_act: 'gelu' }, 'holds hidden_act: "gelu"'],
    [{ vision_config: undefined }, 'makes vision_config.num_attention_heads 0.25'],
    [{ rms_norm_eps: -1 }, 'holds rms_norm_eps: -1, but it should be above 0'],
    [{ rope_theta: 0 }, 'holds rope_theta: 0, but it should be above 0'],
    [{ rope_theta: 'big' }, 'config.json holds rope_theta: "big", but it should be a number'],
    [{ rope_scaling: { rope_type: 'linear' } }, 'config.json holds rope_scaling: '],
    [{ rope_scaling: { type: 'yarn', factor: 2 } }, 'type must be linear or dynamic'],
    [{ rope_scaling: { type: 'linear', factor: 0.5 } }, 'its factor at least 1'],
    [
      { num_attention_heads: 8, num_key_value_heads: 2 },
      'The configuration and the weights belong to different models',
    ],
  ])('%j', async (change, message) => {
    await expect(open({ config: { ...config, ...change } })).rejects.toThrow(message);
  });
});

describe('a checkpoint with a hole', () => {
  /** The micro checkpoint without some of its tensors, or with more. */
  async function changed(without: RegExp, more: Record<string, number> = {}) {
    const checkpoint = await openCheckpoint(folder);
    return {
      names: [...checkpoint.names, ...Object.keys(more)],
      files: checkpoint.files,
      has: (name: string) => name in more || (checkpoint.has(name) && !without.test(name)),
      describe: (name: string) =>
        name in more
          ? ({ dtype: 'float32', shape: [more[name]!] } as const)
          : checkpoint.describe(name),
      read: async (name: string, signal?: AbortSignal) =>
        name in more
          ? new Uint8Array(Float32Array.from({ length: more[name]! }, (_, i) => i % 7).buffer)
          : checkpoint.read(name, signal),
      [Symbol.asyncDispose]: () => checkpoint[Symbol.asyncDispose](),
    };
  }

  test('in the middle of its layers names the missing tensor', async () => {
    const checkpoint = await changed(/layers\.1\.attention_norm/);
    await expect(open({ checkpoint })).rejects.toThrow('model.layers.1.attention_norm.weight');
  });

  test.each([
    ['image', 'down', /layers\.1\.feed_forward\.w2\.Plora_[AB]/],
    ['image', 'down', /feed_forward\.w2\.Plora_A/],
    ['web', 'attention.qkv', /layers\.0\.attention\.wqkv\.lora_web_[AB]/],
  ] as const)('in what %s adds to %s names the missing tensor', async (lora, linear, without) => {
    const error = await open({ checkpoint: await changed(without) }).catch((error) => error);
    expect(error).toMatchObject({ name: 'MissingWeightError' });
    expect(error.weight).toMatch(new RegExp(`^layers\\.[01]\\..*${linear}\\.${lora}\\.down$`));
    expect(error.checkpointName).toMatch(without);
  });

  test('where the separators should be is found before anything is loaded', async () => {
    const seen: number[] = [];
    const checkpoint = await changed(/plora_sub_GN/);
    const opening = open({ checkpoint, onProgress: () => seen.push(1) });
    await expect(opening).rejects.toThrow('plora_sub_GN');
    expect(seen).toEqual([]);
  });

  test('biases of attention act where the checkpoint has them, and must all be there', async () => {
    const names = [0, 1, 2].flatMap((layer) => [
      [`model.layers.${layer}.attention.wqkv.bias`, 128] as const,
      [`model.layers.${layer}.attention.wo.bias`, 64] as const,
    ]);
    const answers = [];
    for (const more of [{}, Object.fromEntries(names)]) {
      await using model = await open({
        checkpoint: await changed(/^$/, more),
        config: { ...config, bias: names.length === Object.keys(more).length },
      });
      using sequence = model.openSequence({ capacity: ids.length });
      answers.push(await finishPrefill(sequence.prefill([{ type: 'text', ids }])));
    }
    expect(relativeError(answers[0]!, answers[1]!)).toBeGreaterThan(1e-2);
    const some = await changed(/^$/, Object.fromEntries(names.slice(1)));
    await expect(open({ checkpoint: some, config: { ...config, bias: true } })).rejects.toThrow(
      'model.layers.0.attention.wqkv.bias',
    );
  });
});

test('text touches no partial LoRA and no vision weight', async () => {
  const read = new Set<string>();
  const spying: Backend = {
    name: 'spying',
    compile: (graphs, weights, options) => {
      for (const graph of Object.values<Graph>(graphs)) {
        if (graph.name !== 'decodeText.base') continue;
        for (const { name } of graph.weights) read.add(name);
      }
      return referenceBackend.compile(graphs, weights, options);
    },
  };
  await using _ = await open({ backend: spying });
  expect([...read].filter((name) => /image|web|sft|dpo|tower|projector/.test(name))).toEqual([]);
});

test('a mode whose adapter is zero answers like base', async () => {
  const checkpoint = await openCheckpoint(folder);
  const silenced = {
    ...checkpoint,
    names: checkpoint.names,
    async read(name: string, signal?: AbortSignal) {
      const bytes = await checkpoint.read(name, signal);
      return name.includes('lora_web_B') ? bytes.fill(0) : bytes;
    },
    [Symbol.asyncDispose]: () => checkpoint[Symbol.asyncDispose](),
  };
  await using model = await open({ checkpoint: silenced });
  const [base, web, write] = await Promise.all(
    (['base', 'web', 'write'] as const).map(async (adapter) => {
      using sequence = model.openSequence({ capacity: ids.length, adapter });
      return await finishPrefill(sequence.prefill([{ type: 'text', ids }]));
    }),
  );
  expect(relativeError(web!, base!)).toBeLessThan(1e-6);
  expect(relativeError(write!, base!)).toBeGreaterThan(1e-2);
});

test('a prompt at once equals the same prompt token by token', async () => {
  await using model = await open();
  using once = model.openSequence({ capacity: ids.length });
  using stepwise = model.openSequence({ capacity: ids.length });
  const expected = await finishPrefill(once.prefill([{ type: 'text', ids }]));
  let found: Float32Array = new Float32Array();
  for (const id of ids) found = await stepwise.feed(id);
  expect(relativeError(found, expected)).toBeLessThan(1e-5);
});

test('the same picture gives the same rows, another one others', async () => {
  await using model = await open({ imageCacheBytes: 0 });
  const rows = await model.encodeImage(flatImage(0.5));
  expect(rows.shape).toEqual([841, 64]);
  expect(await model.encodeImage(flatImage(0.5))).toEqual(rows);
  expect((await model.encodeImage(flatImage(1))).data).not.toEqual(rows.data);
  expect(model.imageRows.use).toMatchObject({ hits: 0, misses: 3, bytes: 0 });
});

test('a picture shown again, in another sequence, is not encoded again', async () => {
  await using model = await open();
  const chunk = { type: 'image', image: flatImage(0.5), tokens: 3 } as const;
  for (let round = 0; round < 2; round++) {
    using sequence = model.openSequence({ capacity: 8 });
    await finishPrefill(sequence.prefill([chunk]));
  }
  expect(model.imageRows.use).toEqual({ hits: 1, misses: 1, bytes: 841 * 64 * 4, pictures: 1 });
});

test('an adapter that the checkpoint lacks is an error that names the others', async () => {
  const checkpoint = await openCheckpoint(folder);
  const without = {
    ...checkpoint,
    names: checkpoint.names,
    has: (name: string) => !/lora_(web|sft|dpo)/.test(name) && checkpoint.has(name),
    [Symbol.asyncDispose]: () => checkpoint[Symbol.asyncDispose](),
  };
  await using model = await open({ checkpoint: without });
  expect(() => model.openSequence({ capacity: 4, adapter: 'web' })).toThrow(
    'This checkpoint has no "web" adapter: it offers base',
  );
});

test('what sequences left is given back before a request is refused', async () => {
  await using model = await open({ prefixCacheBytes: 1 << 20 });
  {
    using sequence = model.openSequence({ capacity: 16 });
    await finishPrefill(sequence.prefill([{ type: 'text', ids }]));
  }
  expect(model.memory.heldPositions).toBe(ids.length);
  const request = { prompt: [{ type: 'text', tokens: 300_000 }] } as const;
  const bytes = planMemory(model.planned!, request).peak;
  using _claimed = model.memory.claim({ doing: 'This answer', request, bytes });
  expect(model.prefixes.use.sequences).toBe(0);
  expect(model.memory.heldPositions).toBe(300_000);
});

test('a request that needs room keeps what it goes on from itself', async () => {
  await using model = await open({ prefixCacheBytes: 1 << 20 });
  const mine: Prompt = [{ type: 'text', ids }];
  for (const prompt of [mine, [{ type: 'text', ids: ids.toReversed() } as const]]) {
    using sequence = model.openSequence({ capacity: 16, prompt });
    await finishPrefill(sequence.prefill(prompt));
  }
  const request = { prompt: [{ type: 'text', tokens: 300_000 }] } as const;
  const bytes = planMemory(model.planned!, request).peak;
  const claim = { doing: 'This answer', request, bytes };
  const { sequence, claimed } = model.claimSequence({ capacity: 16, prompt: mine }, claim);
  expect(sequence.length).toBe(ids.length);
  expect(model.prefixes.use).toMatchObject({ hits: 1, sequences: 0 });
  expect(model.memory.heldPositions).toBe(300_000);
  claimed[Symbol.dispose]();
  expect(model.memory.heldPositions).toBe(ids.length);
  sequence[Symbol.dispose]();
});

test('a request that has no room beside what it would go on from gives that back', async () => {
  await using model = await open({ prefixCacheBytes: 1 << 20 });
  const read = async (ids: Int32Array) => {
    const prompt: Prompt = [{ type: 'text', ids }];
    using sequence = model.openSequence({ capacity: 16, prompt });
    await finishPrefill(sequence.prefill(prompt));
  };
  await read(ids);
  const request = { prompt: [{ type: 'text', tokens: 6 }] } as const;
  using _others = model.memory.hold({ positions: 300_000 });
  const bytes = planMemory(model.planned!, { ...request, heldPositions: 300_000 }).peak;
  const claim = { doing: 'This answer', request, bytes };
  const prompt: Prompt = [{ type: 'text', ids: ids.slice(0, 6) }];
  const { sequence, claimed } = model.claimSequence({ capacity: 16, prompt }, claim);
  expect(sequence.length).toBe(0);
  expect(model.memory.heldPositions).toBe(300_006);
  claimed[Symbol.dispose]();
  sequence[Symbol.dispose]();
});

test('encoded pictures of others are given back before a request is refused', async () => {
  await using model = await open();
  const { byteLength } = (await model.encodeImage(flatImage(0.5))).data;
  const request = { prompt: [{ type: 'text', tokens: 300_000 }] } as const;
  const { peak } = planMemory(model.planned!, request);
  const claim = (bytes: number) =>
    model.memory.claim({ doing: 'This answer', request, bytes })[Symbol.dispose]();
  claim(peak + byteLength);
  expect(model.imageRows.use.pictures).toBe(1);
  claim(peak + byteLength - 1);
  expect(model.imageRows.use.pictures).toBe(0);
});

test('a sequence begins with what another has left, where that is asked for', async () => {
  await using model = await open({ prefixCacheBytes: 1 << 20 });
  const prompt = [{ type: 'text', ids } as const];
  const read = async (adapter: 'base' | 'web') => {
    using sequence = model.openSequence({ capacity: 16, adapter, prompt });
    const kept: number[] = [];
    for await (const { processed } of sequence.prefill(prompt)) kept.push(processed);
    return kept[0];
  };
  expect([await read('base'), await read('base'), await read('web')]).toEqual([0, 7, 0]);
  const { bytes, ...use } = model.prefixes.use;
  expect(use).toEqual({ hits: 1, misses: 2, savedTokens: 7, sequences: 2 });
  expect(bytes).toBe(2 * 8 * (3 * 2 * 2 * 16 * 4));
});

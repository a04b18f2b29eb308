import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { missingKernels, onnx } from '@lingbi/backend-onnx';
import {
  compileXComposer,
  finishPrefill,
  generate,
  type KvFormat,
  logSoftmax,
  openCheckpoint,
  type XComposer,
} from '@lingbi/core';
import { synthCheckpoint } from '@lingbi/hub';
import { describeCheckpoint, openModel } from '@lingbi/tasks';
import { createTokenizer } from '@lingbi/tokenizer';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { chooseBackend } from './backends.ts';
import { writeStoriesCheckpoint } from './test-support/stories-checkpoint.ts';

const story = new URL('../../../fixtures/stories260k/expected.txt', import.meta.url);

/** The trained model of 260,000 parameters, along a story that it tells. */
describe('keys and values that are rounded', () => {
  let folder: string;
  let ids: Int32Array;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lingbi-rounded-caches-'));
    await writeStoriesCheckpoint(folder);
    const tokenizer = createTokenizer(await readFile(join(folder, 'tokenizer.model')));
    ids = Int32Array.of(1, ...tokenizer.encode(await readFile(story, 'utf8'))).subarray(0, 160);
  });

  afterAll(() => rm(folder, { recursive: true }));

  async function open(
    name: 'onnx' | 'tfjs',
    kv: KvFormat,
    from: string = folder,
  ): Promise<XComposer> {
    const config = JSON.parse(await readFile(join(from, 'config.json'), 'utf8'));
    const checkpoint = await openCheckpoint(from);
    return compileXComposer({
      backend: await chooseBackend({ backend: name }),
      checkpoint,
      config,
      kv,
    });
  }

  /** Log-probabilities of what follows each of the last ids; those before are read at once. */
  async function follow(model: XComposer): Promise<Float64Array[]> {
    using sequence = model.openSequence({ capacity: ids.length });
    const answers: Float64Array[] = [];
    for (let end = 60; end <= ids.length; end++) {
      const prompt = [{ type: 'text', ids: ids.subarray(0, end) }] as const;
      answers.push(Float64Array.from(logSoftmax(await finishPrefill(sequence.prefill(prompt)))));
    }
    return answers;
  }

  /** The mean divergence of what one says from what the other does, in nats, and how often both say the same. */
  async function compare(wide: XComposer, narrow: XComposer) {
    const [wanted, found] = [await follow(wide), await follow(narrow)];
    const divergences = wanted.map((p, at) =>
      p.reduce((sum, log, token) => sum + Math.exp(log) * (log - found[at]![token]!), 0),
    );
    const same = wanted.filter((p, at) => likeliest(p) === likeliest(found[at]!)).length;
    return { divergence: mean(divergences), agreement: same / wanted.length };
  }

  test.each(['onnx', 'tfjs'] as const)('to int8 change little of what %s says', async (name) => {
    await using wide = await open(name, 'float32');
    await using narrow = await open(name, 'int8');
    const { divergence, agreement } = await compare(wide, narrow);
    expect(divergence).toBeGreaterThan(1e-9);
    expect(divergence).toBeLessThan(2e-3);
    expect(agreement).toBeGreaterThan(0.97);
  });

  /** Heads of the trained models have widths that only ONNX Runtime knows; this one was never trained. */
  test.skipIf(missingKernels())('to float16 change next to nothing', async () => {
    const micro = fileURLToPath(new URL('../../../fixtures/ixc25-micro', import.meta.url));
    await using wide = await open('onnx', 'float32', micro);
    await using narrow = await open('onnx', 'float16', micro);
    const { divergence, agreement } = await compare(wide, narrow);
    expect(divergence).toBeGreaterThan(0);
    expect(divergence).toBeLessThan(2e-5); // int8: 2e-3
    expect(agreement).toBeGreaterThan(0.97);
  });

  test.skipIf(missingKernels()).each([
    ['int4', undefined, 'float16'],
    ['int8', undefined, 'float16'],
    ['int4', 'float32', 'float32'],
    ['bf16', undefined, 'float32'],
  ] as const)('beside %s weights, asked for as %s, they are in %s', async (weights, asked, kv) => {
    const small = join(folder, `small-${weights}-${asked}`);
    const width = { hiddenSize: 64, mlpSize: 96, heads: 4, kvHeads: 2 };
    const shape = { vocabularySize: 384, layers: 2, ...width };
    await synthCheckpoint(small, { shape, weights, block: 32, vision: 'none' });
    const options = { backend: onnx(), ...(asked && { kv: asked }) };
    expect((await describeCheckpoint(small, options)).kv).toBe(kv);
    await using model = await openModel(small, options);
    const created = vi.spyOn(model.xcomposer.program, 'createCache');
    using _ = model.xcomposer.openSequence({ capacity: 8 });
    expect(created.mock.results[0]!.value.kv).toBe(kv);
  });

  test.each(['onnx', 'tfjs'] as const)('beams of %s go on from them in int8', async (name) => {
    await using model = await open(name, 'int8');
    const answer = async (beams: number) => {
      using sequence = model.openSequence({ capacity: 100, slots: 3 });
      const prompt = [{ type: 'text', ids: ids.subarray(0, 40) }] as const;
      const options = { stopTokens: new Set([1]), maxNewTokens: 24, beams };
      const tokens: number[] = [];
      for await (const event of generate(sequence, prompt, options)) {
        if (event.type === 'token') tokens.push(event.token);
      }
      return { tokens, length: sequence.length };
    };
    const greedy = await answer(1);
    expect(greedy.tokens).toEqual([...ids.subarray(40, 64)]);
    const three = await answer(3);
    expect(three.tokens).toHaveLength(24);
    expect(await answer(3)).toEqual(three);
  });
});

function likeliest(logprobs: Float64Array): number {
  return logprobs.reduce((best, each, token) => (each > logprobs[best]! ? token : best), 0);
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each) / numbers.length;
}

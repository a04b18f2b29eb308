import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onnx } from '@lingbi/backend-onnx';
import { tfjs } from '@lingbi/backend-tfjs';
import { type Backend, referenceBackend, relativeError } from '@lingbi/core';
import { convertCheckpoint, synthCheckpoint } from '@lingbi/hub';
import { openModel } from '@lingbi/tasks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const shape = {
  vocabularySize: 384,
  hiddenSize: 64,
  mlpSize: 96,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  loraRanks: { Plora: 8, lora_web: 4 },
  vision: { hiddenSize: 32, mlpSize: 64, layers: 2, heads: 2, tileSize: 56, patchSize: 14 },
};

describe('a converted checkpoint opens on every backend, and all read the same numbers', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lingbi-converted-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test.each([
    ['int4', 32, 'f32'],
    ['int4', 128, 'int8'],
    ['int8', 32, 'int8'],
    ['f16', 128, 'f32'],
    ['f32', 128, 'f32'],
    ['bf16', 128, 'f32'],
  ] as const)('weights %s in blocks of %i, vision %s', async (weights, block, vision) => {
    const out = join(folder, `${weights}-${block}-${vision}`);
    await synthCheckpoint(out, { shape, weights, block, vision });
    await expectAgreement(out);
  });

  test.each([
    ['int4', 'float16'],
    ['int4', 'float32'],
    ['int8', 'float16'],
  ] as const)('%s in blocks that were rounded, scales in %s', async (weights, scales) => {
    const source = join(folder, `source-${weights}-${scales}`);
    await synthCheckpoint(source, { shape, weights: 'bf16' });
    const out = join(folder, `rounded-${weights}-${scales}`);
    await convertCheckpoint(source, out, { weights, scales, block: 32 });
    await expectAgreement(out);
  });
});

async function expectAgreement(folder: string): Promise<void> {
  const wanted = await read(folder, referenceBackend);
  for (const backend of [onnx({ threads: 1, accuracyLevel: 1 }), tfjs({ engine: 'cpu' })]) {
    const found = await read(folder, backend);
    expect(relativeError(found.text, wanted.text)).toBeLessThan(1e-4);
    expect(relativeError(found.picture, wanted.picture)).toBeLessThan(1e-4);
    expect(relativeError(found.web, wanted.web)).toBeLessThan(1e-4);
  }
}

/** What follows a text, the same with an adapter, and a picture's rows. */
async function read(folder: string, backend: Backend) {
  await using model = await openModel(folder, { backend });
  const { xcomposer } = model;
  const pixels = Float32Array.from({ length: 3 * 56 * 56 }, (_, i) => Math.sin(i / 100));
  const image = {
    grid: { rows: 1, columns: 1 },
    tileSize: 56,
    key: 'waves',
    globalView: () => pixels,
    tile: () => pixels,
  };
  const picture = (await xcomposer.encodeImage(image)).data as Float32Array;
  const follow = async (adapter: 'base' | 'web') => {
    using sequence = xcomposer.openSequence({ capacity: 8, adapter });
    for (const token of [1, 70, 75]) await sequence.feed(token);
    return await sequence.feed(9);
  };
  return { picture, text: await follow('base'), web: await follow('web') };
}

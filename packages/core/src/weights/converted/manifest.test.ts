import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toFloat16 } from '../encodings/to-float16.ts';
import { openCheckpoint } from '../open-checkpoint.ts';
import { readFloat32 } from '../read-float32.ts';
import { writeSafetensors } from '../safetensors/write-safetensors.ts';
import { convertedWeights } from './converted-weights.ts';

/** One weight in blocks of 16, as a conversion would write it. */
const sound = {
  version: 1,
  tensors: { 'output.weight': [2, 32] },
  weights: {
    head: { shape: [2, 32], kind: 'blocks', bits: 4, blockSize: 16, zeroPoints: false },
  },
};

describe('a manifest', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lingbi-manifest-'));
    const values = {
      dtype: 'uint8',
      shape: [2, 2, 8],
      bytes: () => new Uint8Array(32).fill(0x97),
    } as const;
    const scales = [1, 2, 3, 4];
    await writeSafetensors(join(folder, 'model.safetensors'), [
      { name: 'head', ...values },
      {
        name: 'head:scales',
        ...{ dtype: 'float32', shape: [2, 2] },
        bytes: () => new Uint8Array(Float32Array.from(scales).buffer),
      },
      { name: 'tail', ...values },
      {
        name: 'tail:scales',
        ...{ dtype: 'float16', shape: [2, 2] },
        bytes: () => new Uint8Array(toFloat16(Float32Array.from(scales)).buffer),
      },
    ]);
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function open(manifest: object) {
    await writeFile(join(folder, 'lingbi.json'), JSON.stringify(manifest));
    await using checkpoint = await openCheckpoint(folder);
    return convertedWeights(checkpoint, checkpoint.manifest!);
  }

  test('says how each weight is encoded, and its parts stand where backends may bind them', async () => {
    const weights = await open(sound);
    const { shape, encoding, at } = weights.describe('head');
    expect({ shape, encoding }).toEqual({
      shape: [2, 32],
      encoding: { kind: 'blocks', bits: 4, blockSize: 16, zeroPoints: false },
    });
    expect(at?.values?.length).toBe(32);
    expect(at?.scales?.length).toBe(16);
    expect(at?.zeroPoints).toBeUndefined();
    await expect(weights.read('head', 'zeroPoints')).rejects.toThrow('head has no zeroPoints');
    expect(() => weights.describe('heat')).toThrow('Similar names do exist: "head"');
  });

  test('may have scales in float16, which then stand in half the bytes', async () => {
    const tail = { ...sound.weights.head, scales: 'float16' };
    const manifest = { ...sound, weights: { ...sound.weights, tail } };
    await writeFile(join(folder, 'lingbi.json'), JSON.stringify(manifest));
    await using checkpoint = await openCheckpoint(folder);
    const weights = convertedWeights(checkpoint, checkpoint.manifest!);
    expect(weights.describe('tail').encoding).toEqual({
      ...{ kind: 'blocks', bits: 4, blockSize: 16, zeroPoints: false, scales: 'float16' },
    });
    expect(weights.describe('tail').at?.scales?.length).toBe(8);
    expect(await readFloat32(weights, 'tail')).toEqual(await readFloat32(weights, 'head'));
  });

  const changed = (change: object) => ({
    ...sound,
    weights: { head: { ...sound.weights.head, ...change } },
  });
  test.each([
    ['of a later version', { ...sound, version: 2 }, 'it is of version "2"'],
    ['without weights', { version: 1, tensors: {} }, 'it has no weights'],
    ['with an unknown kind', changed({ kind: 'toString' }), 'its entry in weights is not sound'],
    ['with blocks of a strange size', changed({ blockSize: 24 }), 'is not sound'],
    ['with blocks of nothing', changed({ blockSize: 0 }), 'is not sound'],
    ['with blocks of three bits', changed({ bits: 3 }), 'is not sound'],
    ['with a negative length', changed({ shape: [-2, 32] }), 'is not sound'],
    ['with blocks of what is no matrix', changed({ shape: [64] }), 'is not sound'],
    ['with an unknown number format', changed({ kind: 'dense', dtype: 'int3' }), 'is not sound'],
    ['that tensors contradict', changed({ blockSize: 32 }), 'the manifest makes it uint8 [2,1,16]'],
    ['with scales of an unknown format', changed({ scales: 'bfloat16' }), 'is not sound'],
    ['with scales that are null', changed({ scales: null }), 'is not sound'],
    ['with scales of a list', changed({ scales: ['float16'] }), 'is not sound'],
    [
      'whose scales are twice as long',
      changed({ scales: 'float16' }),
      'the manifest makes it float16 [2,2], but it is float32 [2,2]. Convert the checkpoint again',
    ],
    [
      'that promises more',
      changed({ zeroPoints: true }),
      'there is no such tensor. Convert the checkpoint again',
    ],
  ])('%s is refused', async (_, manifest, message) => {
    const opening = open(manifest);
    await expect(opening).rejects.toThrow(message);
    await expect(opening).rejects.toMatchObject({ name: 'CheckpointError' });
  });

  test('that is no JSON is refused', async () => {
    await writeFile(join(folder, 'lingbi.json'), '{"version": 1, "weights":');
    await expect(openCheckpoint(folder)).rejects.toThrow('its JSON is not sound');
  });
});

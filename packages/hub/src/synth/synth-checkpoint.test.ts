import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { ConvertEvent } from '../convert/events.ts';
import { terabytes } from '../test-tools/terabytes.ts';
import { failureOf } from '../test-tools/workbench.ts';
import { type SynthOptions, synthCheckpoint } from './synth-checkpoint.ts';

const sizes = { vocabularySize: 320, hiddenSize: 64, mlpSize: 96, layers: 1, heads: 4, kvHeads: 2 };
/** Where nothing is written. */
const never = join(tmpdir(), 'lingbi-synth-never');
afterAll(() => rm(never, { recursive: true, force: true }));

test.each(['int4', 'bf16'] as const)('in %s, the name may end in a slash', async (weights) => {
  const folder = await mkdtemp(join(tmpdir(), 'lingbi-synth-'));
  const shape = { ...terabytes, mlpSize: 64, layers: 1 };
  await synthCheckpoint(`${join(folder, 'out')}/`, { shape, weights });
  expect(await readdir(folder)).toEqual(['out']);
  expect(await readdir(join(folder, 'out'))).toContain('config.json');
  await rm(folder, { recursive: true });
});

test.each(['int4', 'bf16'] as const)('in %s, every weight and file is told', async (weights) => {
  const folder = await mkdtemp(join(tmpdir(), 'lingbi-synth-'));
  const shape = { ...terabytes, mlpSize: 64, layers: 2 };
  const events: ConvertEvent[] = [];
  const onProgress = (event: ConvertEvent) => void events.push(event);
  await synthCheckpoint(join(folder, 'out'), { shape, weights, shardBytes: 50_000, onProgress });
  const written = events.filter((event) => event.type === 'weight-written');
  const total = 3 + 2 * 7;
  expect(written.map(({ written }) => written)).toEqual(
    Array.from({ length: total }, (_, i) => i + 1),
  );
  expect(new Set(written.map(({ name }) => name)).size).toBe(total);
  expect(new Set(written.map(({ total }) => total))).toEqual(new Set([total]));
  const files = events.filter((event) => event.type === 'file-finished').map(({ file }) => file);
  const names = await readdir(join(folder, 'out'));
  expect(files).toEqual(names.filter((name) => /^model-/.test(name)).sort());
  expect(files.length).toBeGreaterThan(1);
  await rm(folder, { recursive: true });
});

test.each(['int4', 'bf16'] as const)('in %s, what has no room leaves nothing', async (weights) => {
  const folder = await mkdtemp(join(tmpdir(), 'lingbi-synth-'));
  const writing = synthCheckpoint(join(folder, 'out'), { shape: terabytes, weights });
  await expect(writing).rejects.toMatchObject({ name: 'DiskFullError' });
  expect(await readdir(folder)).toEqual([]);
  await rm(folder, { recursive: true });
});

test.each([
  [{ shape: '8b' }, 'InvalidOptionError', 'shape: it is "8b", but it should be sizes of your own'],
  [{ shape: sizes, weights: 'int5' }, 'InvalidOptionError', 'weights: it is "int5"'],
  [
    { shape: sizes, formats: { plain: 'int8' } },
    'InvalidOptionError',
    'formats.plain: it is "int8"',
  ],
  [{ shape: sizes, sede: 2 }, 'TypeError', 'synthCheckpoint: unknown option sede'],
])('%j cannot be meant', async (options, name, message) => {
  const error = await failureOf(synthCheckpoint(never, options as unknown as SynthOptions));
  expect(error).toMatchObject({ name });
  expect(error.message).toContain(message);
});

const vision = { hiddenSize: 32, mlpSize: 64, layers: 1, heads: 2, tileSize: 56, patchSize: 14 };
test.each([
  [
    { layers: 1e9 },
    'shape.layers: it is 1000000000, but it should be a whole number from 1 to 4096',
  ],
  [{ hiddenSize: -64 }, 'shape.hiddenSize: it is -64, but it should be a whole number from 1'],
  [{ heads: 2.5 }, 'shape.heads: it is 2.5, but it should be a whole number'],
  [{ heads: 64 }, 'shape.heads: it is 64, which does not divide 64 features of even heads'],
  [{ kvHeads: 3 }, 'shape.kvHeads: it is 3, which does not divide 4 query heads'],
  [
    { vocabularySize: 100 },
    'shape.vocabularySize: it is 100, but a vocabulary that is made up has',
  ],
  [{ hiddenSize: 2 ** 16, mlpSize: 2 ** 15 }, 'no tensor may have 2147483648 numbers'],
  [{ loraRanks: { Plora: 0 } }, 'loraRanks.Plora: it is 0, but it should be a whole number from 1'],
  [{ vision: { ...vision, tileSize: 60 } }, 'shape.vision.patchSize: it is 14, which does not'],
])('a shape with %j is refused by name', async (changes, message) => {
  const shape = { ...sizes, ...changes };
  const error = await failureOf(synthCheckpoint(never, { shape }));
  expect(error).toMatchObject({ name: 'InvalidOptionError' });
  expect(error.message).toContain(message);
});

test.each([
  [{ loraRanks: { lora: 8 } }, 'loraRanks: unknown option lora. It takes Plora, lora_web'],
  [{ width: 64 }, 'shape: unknown option width. It takes vocabularySize'],
])('a shape with %j is refused, with the names that there are', async (changes, message) => {
  const error = await failureOf(synthCheckpoint(never, { shape: { ...sizes, ...changes } }));
  expect(error).toBeInstanceOf(TypeError);
  expect(error.message).toContain(message);
});

test('the least vocabulary is that of its tokenizer, and others bring their own', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lingbi-synth-'));
  await synthCheckpoint(join(folder, 'least'), { shape: { ...sizes, vocabularySize: 265 } });
  const tokenizer = new Uint8Array(8);
  const shape = { ...sizes, vocabularySize: 64 };
  await synthCheckpoint(join(folder, 'own'), { shape, tokenizer });
  expect(await readdir(folder)).toEqual(['least', 'own']);
  await rm(folder, { recursive: true });
});

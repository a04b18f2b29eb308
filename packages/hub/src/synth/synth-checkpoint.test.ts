import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ConvertEvent } from '../convert/events.ts';
import { terabytes } from '../test-tools/terabytes.ts';
import { failureOf } from '../test-tools/workbench.ts';
import { type SynthOptions, synthCheckpoint } from './synth-checkpoint.ts';

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
  [{ shape: '7b', weights: 'int5' }, 'InvalidOptionError', 'weights: it is "int5"'],
  [
    { shape: '7b', formats: { plain: 'int8' } },
    'InvalidOptionError',
    'formats.plain: it is "int8"',
  ],
  [{ shape: '7b', sede: 2 }, 'TypeError', 'synthCheckpoint: unknown option sede'],
])('%j cannot be meant', async (options, name, message) => {
  const error = await failureOf(synthCheckpoint('never', options as unknown as SynthOptions));
  expect(error).toMatchObject({ name });
  expect(error.message).toContain(message);
});

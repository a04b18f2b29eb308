import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { terabytes } from '../test-tools/terabytes.ts';
import { synthCheckpoint } from './synth-checkpoint.ts';

test.each(['int4', 'bf16'] as const)('in %s, the name may end in a slash', async (weights) => {
  const folder = await mkdtemp(join(tmpdir(), 'lingbi-synth-'));
  const shape = { ...terabytes, mlpSize: 64, layers: 1 };
  await synthCheckpoint(`${join(folder, 'out')}/`, { shape, weights });
  expect(await readdir(folder)).toEqual(['out']);
  expect(await readdir(join(folder, 'out'))).toContain('config.json');
  await rm(folder, { recursive: true });
});

test.each(['int4', 'bf16'] as const)('in %s, what has no room leaves nothing', async (weights) => {
  const folder = await mkdtemp(join(tmpdir(), 'lingbi-synth-'));
  const writing = synthCheckpoint(join(folder, 'out'), { shape: terabytes, weights });
  await expect(writing).rejects.toMatchObject({ name: 'DiskFullError' });
  expect(await readdir(folder)).toEqual([]);
  await rm(folder, { recursive: true });
});

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openCheckpoint } from '../open-checkpoint.ts';
import { writeSafetensors } from './write-safetensors.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lingbi-'));
});
afterAll(() => rm(folder, { recursive: true }));

const bytes = (...values: number[]) => Uint8Array.from(values);

test('what was written is read back, byte for byte', async () => {
  const file = join(folder, 'round-trip.safetensors');
  const half = bytes(1, 2, 3, 4);
  await writeSafetensors(file, [
    { name: '灵笔 "quoted"', dtype: 'uint8', shape: [3], bytes: () => bytes(7, 8, 9) },
    { name: '__proto__', dtype: 'bfloat16', shape: [2, 1], bytes: async () => half },
    { name: '0', dtype: 'float32', shape: [], bytes: () => bytes(0, 0, 128, 63) },
    { name: 'none', dtype: 'float32', shape: [0, 9], bytes: () => bytes() },
  ]);
  await using checkpoint = await openCheckpoint(file);
  expect(checkpoint.names.toSorted()).toEqual(['0', '__proto__', 'none', '灵笔 "quoted"']);
  expect(await checkpoint.read('灵笔 "quoted"')).toEqual(bytes(7, 8, 9));
  expect(await checkpoint.read('__proto__')).toEqual(half);
  expect(checkpoint.describe('__proto__')).toMatchObject({ dtype: 'bfloat16', shape: [2, 1] });
  expect(await checkpoint.read('none')).toEqual(bytes());
});

test('every tensor starts at a multiple of the width of its numbers', async () => {
  const file = join(folder, 'aligned.safetensors');
  await writeSafetensors(file, [
    { name: 'a', dtype: 'int8', shape: [3], bytes: () => new Uint8Array(3) },
    { name: 'b', dtype: 'int64', shape: [1], bytes: () => new Uint8Array(8) },
    { name: 'c', dtype: 'float16', shape: [1], bytes: () => new Uint8Array(2) },
    { name: 'd', dtype: 'float32', shape: [1], bytes: () => new Uint8Array(4) },
  ]);
  await using checkpoint = await openCheckpoint(file);
  const remainder = (name: string, width: number) => checkpoint.describe(name).at!.offset % width;
  expect([remainder('b', 8), remainder('d', 4), remainder('c', 2)]).toEqual([0, 0, 0]);
});

test('nothing is left behind when a tensor cannot be had', async () => {
  const failed = new Error('no such row');
  const broken = {
    name: 'a',
    dtype: 'int8',
    shape: [1],
    bytes: () => Promise.reject(failed),
  } as const;
  await expect(writeSafetensors(join(folder, 'failed.safetensors'), [broken])).rejects.toBe(failed);
  const aborted = writeSafetensors(join(folder, 'failed.safetensors'), [broken], {
    signal: AbortSignal.abort(),
  });
  await expect(aborted).rejects.toThrow('aborted');
  expect((await readdir(folder)).filter((name) => name.startsWith('failed'))).toEqual([]);
});

test('names given twice and bytes of another length are refused', async () => {
  const tensor = {
    name: 'a',
    dtype: 'float32',
    shape: [2],
    bytes: () => new Uint8Array(4),
  } as const;
  const file = join(folder, 'refused.safetensors');
  await expect(writeSafetensors(file, [tensor, tensor])).rejects.toThrow('"a" is given twice');
  await expect(writeSafetensors(file, [tensor])).rejects.toThrow(
    'float32 of shape [2], 8 bytes, but was given 4',
  );
});

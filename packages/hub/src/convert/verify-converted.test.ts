import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { synthCheckpoint } from '../synth/synth-checkpoint.ts';
import { failureOf } from '../test-tools/workbench.ts';
import { type BytesVerified, verifyConverted } from './verify-converted.ts';

const shape = {
  ...{ vocabularySize: 320, hiddenSize: 64, mlpSize: 96, layers: 1, heads: 4, kvHeads: 2 },
};

let parent: string;
let folder: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'lingbi-verify-'));
  folder = join(parent, 'converted');
  await synthCheckpoint(folder, { shape, shardBytes: 20_000 });
});
afterEach(() => rm(parent, { recursive: true }));

test('a converted checkpoint has the hashes of all its files, and is as it was written', async () => {
  const events: BytesVerified[] = [];
  const verified = await verifyConverted(folder, {
    onProgress: (event) => void events.push(event),
  });
  const names = (await readdir(folder)).filter((name) => name !== 'lingbi.json');
  expect([...verified.files].sort()).toEqual(names.sort());
  expect(names).toEqual(expect.arrayContaining(['config.json', 'tokenizer.model']));
  const { verifiedBytes, totalBytes } = events.at(-1)!;
  expect([verifiedBytes, totalBytes]).toEqual([verified.bytes, verified.bytes]);
});

test.each([
  'config.json',
  'tokenizer.model',
  'model.safetensors.index.json',
  'model-00002-of-00003.safetensors',
])('a changed byte in %s is told', async (file) => {
  const path = join(folder, file);
  const bytes = await readFile(path);
  bytes[bytes.length - 2]! ^= 1;
  await writeFile(path, bytes);
  const error = await failureOf(verifyConverted(folder));
  expect(error).toMatchObject({ name: 'DamagedFileError', folder, file });
  expect(error.message).toContain('has other bytes than written. Convert the checkpoint again');
});

test('a file that is missing or cut off is told before any is read', async () => {
  const file = (await readdir(folder)).filter((name) => /^model-/.test(name)).at(-1)!;
  await truncate(join(folder, file), 100);
  const events: BytesVerified[] = [];
  const verifying = verifyConverted(folder, { onProgress: (event) => void events.push(event) });
  expect((await failureOf(verifying)).message).toContain('has 100 bytes instead of');
  await rm(join(folder, file));
  const error = await failureOf(verifyConverted(folder));
  expect(error).toMatchObject({ name: 'DamagedFileError', file });
  expect(error.message).toContain('is missing');
  expect(events).toEqual([]);
});

test.each([
  ['{}', 'holds no hashes'],
  ['{"files": ', 'holds no hashes'],
  ['{"files": {"../other": {"bytes": 1, "sha256": ""}}}', 'holds no hashes'],
  [undefined, 'is missing'],
])('with %s as its lingbi.json, it is told', async (text, message) => {
  const path = join(folder, 'lingbi.json');
  await (text === undefined ? rm(path) : writeFile(path, text));
  const error = await failureOf(verifyConverted(folder));
  expect(error).toMatchObject({ name: 'DamagedFileError', file: 'lingbi.json' });
  expect(error.message).toContain(message);
});

test('it ends when that is asked for', async () => {
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(verifyConverted(folder, { signal })).rejects.toThrow('enough');
});

import { mkdtemp, open, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openCheckpoint } from './open-checkpoint.ts';
import { writeSafetensors } from './safetensors/write-safetensors.ts';
import { type TorchTensor, torchFile } from './test-files/torch-file.ts';

const GIB = 2 ** 30;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lingbi-'));
});
afterEach(() => rm(folder, { recursive: true }));

const put = (name: string, content: string | Uint8Array) => writeFile(join(folder, name), content);
const putIndex = (weightMap: Record<string, unknown>, name = 'model.safetensors.index.json') =>
  put(name, JSON.stringify({ weight_map: weightMap }));
const putShard = (file: string, ...names: string[]) =>
  writeSafetensors(
    join(folder, file),
    names.map((name) => ({
      name,
      dtype: 'uint8',
      shape: [1],
      bytes: () => Uint8Array.of(name.charCodeAt(0)),
    })),
  );
const torchTensor = (name: string, byte: number): TorchTensor => ({
  name,
  storage: 'ByteStorage',
  shape: [1],
  strides: [1],
  bytes: Uint8Array.of(byte),
  storageLength: 1,
});

async function contents(path = folder): Promise<Record<string, number>> {
  await using checkpoint = await openCheckpoint(path);
  const pairs = checkpoint.names.map(async (name) => [name, (await checkpoint.read(name))[0]!]);
  return Object.fromEntries(await Promise.all(pairs));
}

test('an index says which file each tensor is read from', async () => {
  await putShard('model-1.safetensors', 'a', 'b');
  await putShard('model-2.safetensors', 'b', 'c');
  await putIndex({ a: 'model-1.safetensors', b: 'model-2.safetensors', c: 'model-2.safetensors' });
  await using checkpoint = await openCheckpoint(folder);
  expect(checkpoint.names.toSorted()).toEqual(['a', 'b', 'c']);
  expect(checkpoint.describe('b').at!.file).toBe(join(folder, 'model-2.safetensors'));
  expect(await contents()).toEqual({ a: 97, b: 98, c: 99 });
});

test('without an index all files count, and the same name in two of them is an error', async () => {
  await putShard('one.safetensors', 'a');
  await putShard('two.safetensors', 'b');
  expect(await contents()).toEqual({ a: 97, b: 98 });
  expect(await contents(join(folder, 'two.safetensors'))).toEqual({ b: 98 });
  await putShard('three.safetensors', 'b');
  await expect(contents()).rejects.toThrow('holds it too, and no index says which one counts');
});

test('safetensors are preferred to .bin, and weights to what trainers leave', async () => {
  await put('training_args.bin', 'not weights');
  await put('pytorch_model.bin', torchFile([torchTensor('a', 1)]));
  expect(await contents()).toEqual({ a: 1 });
  await put('pytorch_model-1.bin', torchFile([torchTensor('b', 2)]));
  await putIndex({ b: 'pytorch_model-1.bin' }, 'pytorch_model.bin.index.json');
  expect(await contents()).toEqual({ b: 2 });
  await putShard('model.safetensors', 'c');
  expect(await contents()).toEqual({ c: 99 });
});

test('files may be links out of the folder, as in a download cache', async () => {
  await putShard('blob', 'a');
  await symlink(join(folder, 'blob'), join(folder, 'model.safetensors'));
  await putIndex({ a: 'model.safetensors' });
  expect(await contents()).toEqual({ a: 97 });
});

test.each(['../model.safetensors', '/etc/passwd', 'x/../../y', '..', '.', '', 'a\0b', 7])(
  'an index that names %j is refused',
  async (file) => {
    await putIndex({ a: file });
    await expect(openCheckpoint(folder)).rejects.toMatchObject({
      name: 'CheckpointError',
      reason: expect.stringMatching(/unsafe|malformed/),
      tensor: 'a',
    });
  },
);

test('a folder without weights, a missing file and a missing tensor are told apart', async () => {
  await expect(openCheckpoint(join(folder, 'no'))).rejects.toThrow(
    'there is no such folder or file',
  );
  await expect(openCheckpoint(folder)).rejects.toThrow(
    'there is no *.safetensors and no *.bin file in it',
  );
  await putIndex({ a: 'model-1.safetensors' });
  await expect(openCheckpoint(folder)).rejects.toThrow('the index names it, but it is not there');
  await putShard('model-1.safetensors', 'b');
  await expect(openCheckpoint(folder)).rejects.toMatchObject({
    reason: 'missing',
    tensor: 'a',
    message: expect.stringContaining('the index says it is there, but it is not'),
  });
});

test('a git-lfs pointer is recognised', async () => {
  await put(
    'model.safetensors',
    'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n',
  );
  await expect(openCheckpoint(folder)).rejects.toThrow('Run "git lfs pull"');
});

test('an index that is too large is not read', async () => {
  await putIndex({ a: 'model.safetensors' });
  const opening = openCheckpoint(folder, { limits: { headerBytes: 10 } });
  await expect(opening).rejects.toMatchObject({ reason: 'over-limit' });
});

test('safetensors beyond 4 GiB are read at the right place', async () => {
  const file = join(folder, 'model.safetensors');
  const big = 5 * GIB;
  const header = JSON.stringify({
    zeros: { dtype: 'U8', shape: [big], data_offsets: [0, big] },
    last: { dtype: 'U8', shape: [3], data_offsets: [big, big + 3] },
  });
  await writeSparse(file, 8 + header.length + big + 3, [
    [
      0,
      Buffer.concat([
        Buffer.from(BigUint64Array.of(BigInt(header.length)).buffer),
        Buffer.from(header),
      ]),
    ],
    [8 + header.length + big, Buffer.from('end')],
  ]);
  await using checkpoint = await openCheckpoint(folder);
  expect(Buffer.from(await checkpoint.read('last')).toString()).toBe('end');
});

test('a zip file beyond 4 GiB is read at the right place', async () => {
  // Zeros in front of a zip file, whose places are then moved by as much.
  const zip = torchFile([torchTensor('a', 42)], { zip64: true, shift: 5 * GIB });
  await writeSparse(join(folder, 'pytorch_model.bin'), 5 * GIB + zip.length, [
    [0, Buffer.from('PK\x03\x04')],
    [5 * GIB, zip],
  ]);
  expect(await contents()).toEqual({ a: 42 });
});

test('a file that is cut off, or gone, says what makes it again', async () => {
  const file = join(folder, 'model.safetensors');
  await putIndex({ a: 'model.safetensors' });
  await putShard('model.safetensors', 'a');
  await truncate(file, 60);
  const cutOff = { reason: 'truncated', message: expect.stringContaining('. Download it again') };
  await expect(openCheckpoint(folder)).rejects.toMatchObject(cutOff);
  await put('lingbi.json', JSON.stringify({ version: 1, weights: {}, tensors: {} }));
  for (const bytes of [60, 20, 4]) {
    await truncate(file, bytes);
    await expect(openCheckpoint(folder)).rejects.toMatchObject({
      reason: 'truncated',
      message: expect.stringMatching(/\. Convert the checkpoint again$/),
    });
  }
  await rm(file);
  await expect(openCheckpoint(folder)).rejects.toThrow('not there. Convert the checkpoint again');
});

test('a tensor that is not there says what checkpoint to give', async () => {
  await putShard('model.safetensors', 'a');
  await using checkpoint = await openCheckpoint(folder);
  expect(() => checkpoint.describe('b')).toThrow(
    /there is no such tensor\. Give a checkpoint of .* whose files are all there.*pull it again/,
  );
});

test('a file that became shorter is an error, not zeros', async () => {
  await putShard('model.safetensors', 'a');
  await using checkpoint = await openCheckpoint(folder);
  await truncate(join(folder, 'model.safetensors'), 20);
  await expect(checkpoint.read('a')).rejects.toMatchObject({ reason: 'truncated' });
});

test('opening and reading can be aborted', async () => {
  await putShard('model.safetensors', 'a');
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(openCheckpoint(folder, { signal })).rejects.toThrow('enough');
  await using checkpoint = await openCheckpoint(folder);
  await expect(checkpoint.read('a', signal)).rejects.toThrow('enough');
});

test('a long read stops soon after the abort', async () => {
  const bytes = GIB / 4;
  const file = join(folder, 'model.safetensors');
  const header = JSON.stringify({
    zeros: { dtype: 'U8', shape: [bytes], data_offsets: [0, bytes] },
  });
  const start = Buffer.concat([
    Buffer.from(BigUint64Array.of(BigInt(header.length)).buffer),
    Buffer.from(header),
  ]);
  await writeSparse(file, start.length + bytes, [[0, start]]);
  await using checkpoint = await openCheckpoint(folder);
  const controller = new AbortController();
  const checks = vi.spyOn(controller.signal, 'throwIfAborted');
  const reading = checkpoint.read('zeros', controller.signal);
  setImmediate(() => controller.abort(new Error('enough')));
  await expect(reading).rejects.toThrow('enough');
  // Once before the first piece of 16 MiB, and again before the next; never at the end.
  expect(checks.mock.calls.length).toBeGreaterThan(1);
  expect(checks.mock.calls.length).toBeLessThan(16);
});

async function writeSparse(
  path: string,
  size: number,
  pieces: readonly (readonly [offset: number, bytes: Uint8Array])[],
): Promise<void> {
  await using file = await open(path, 'w');
  await file.truncate(size);
  for (const [offset, bytes] of pieces) await file.write(bytes, 0, bytes.length, offset);
}

import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../limits.ts';
import { openCheckpoint } from '../open-checkpoint.ts';
import { memoryFile } from '../test-files/memory-file.ts';
import { pickle, statePickle, type TorchTensor, torchFile } from '../test-files/torch-file.ts';
import { zipFile } from '../test-files/zip-file.ts';
import { toFloat32 } from '../to-float32.ts';
import { readTorchFile } from './read-torch-file.ts';

// Made by PyTorch: see make-torch-fixture.py beside it.
const fixture = new URL('../../../../../fixtures/weights/every-kind.bin', import.meta.url).pathname;
const expected: Record<
  string,
  { dtype: string; shape: number[]; contiguous: boolean; values: number[] }
> = JSON.parse(await readFile(fixture.replace('.bin', '.json'), 'utf8'));

const read = (bytes: Uint8Array) => readTorchFile(memoryFile(bytes, 'm.bin'), DEFAULT_LIMITS);
const four: TorchTensor = {
  name: 'a',
  storage: 'FloatStorage',
  shape: [2, 2],
  strides: [2, 1],
  bytes: new Uint8Array(16),
  storageLength: 4,
};

test.each(Object.keys(expected))('reads "%s" as PyTorch saved it', async (name) => {
  await using checkpoint = await openCheckpoint(fixture);
  const { dtype, shape, contiguous, values } = expected[name]!;
  const found = checkpoint.describe(name);
  expect(found).toMatchObject({ dtype, shape });
  expect(found.at !== undefined).toBe(contiguous || values.length === 0);
  const numbers = toFloat32(await checkpoint.read(name), found.dtype);
  expect(numbers).toEqual(Float32Array.from(values));
});

test('int64 that a view reads in another order keeps all its bits', async () => {
  await using checkpoint = await openCheckpoint(fixture);
  const bytes = await checkpoint.read('transposed int64');
  expect(new BigInt64Array(bytes.buffer)).toEqual(BigInt64Array.of(0n, 3n, 1n, 4n, 2n, 5n));
});

test('what cannot be read is an error only for who asks for it', async () => {
  await using checkpoint = await openCheckpoint(fixture);
  expect(() => checkpoint.describe('float64')).toThrow('its numbers are "torch.DoubleStorage"');
  await expect(checkpoint.read('repeated')).rejects.toThrow('it repeats its 1 numbers to 8');
  expect(checkpoint.has('no tensor')).toBe(false);
});

test('a dictionary inside { state_dict } is opened', async () => {
  const body = `}${pickle.text('epoch')}${pickle.int(3)}s${pickle.text('state_dict')}}s`;
  expect(await read(torchFile([four], { pickle: pickle.whole(body) }))).toEqual(new Map());
});

test('the stride of a dimension of length 1 does not matter', async () => {
  const places = await read(torchFile([{ ...four, shape: [1, 4], strides: [99, 1] }]));
  expect(places.get('a')).toMatchObject({ kind: 'contiguous', at: { length: 16 } });
});

test('entries that no tensor names are never read, and a shared storage is read once', async () => {
  const strangers = Array.from({ length: 500 }, (_, index) => ({
    name: `model/data/x${index}`,
    bytes: new Uint8Array(),
  }));
  const twice = statePickle([four, { ...four, name: 'b' }], () => '0');
  const file = memoryFile(
    zipFile([
      { name: 'model/data.pkl', bytes: twice },
      { name: 'model/data/0', bytes: four.bytes },
      ...strangers,
    ]),
  );
  expect((await readTorchFile(file, DEFAULT_LIMITS)).size).toBe(2);
  // The signature, the end record, the directory, two headers and the pickle.
  expect(file.reads.length).toBe(6);
});

test.each([
  [
    'reaches outside its storage',
    { ...four, offset: 1 },
    'it reaches outside its storage of 4 numbers',
  ],
  [
    'has strides that reach outside',
    { ...four, strides: [3, 1] },
    'it reaches outside its storage',
  ],
  ['has a negative stride', { ...four, strides: [-2, 1] }, 'not whole numbers from 0 up'],
  ['has a stride too few', { ...four, strides: [1] }, 'it has a stride too many or few'],
  [
    'claims a longer storage than there is',
    { ...four, storageLength: 5 },
    'has only 16 bytes for 5 float32',
  ],
])('a tensor that %s is an error', async (_, tensor, message) => {
  await expect(read(torchFile([tensor]))).rejects.toMatchObject({
    name: 'CheckpointError',
    reason: 'malformed',
    tensor: 'a',
    message: expect.stringContaining(message),
  });
});

test.each([
  [
    'a plain pickle of old PyTorch',
    Uint8Array.from([0x80, 2, 0x8a, 10]),
    'unsupported',
    'before version 1.6',
  ],
  ['no zip file', new Uint8Array(50), 'malformed', 'it is not a zip file'],
  ['big-endian', torchFile([four], { byteOrder: 'big' }), 'unsupported', 'byte order'],
  ['a list', torchFile([], { pickle: pickle.whole(']') }), 'unsupported', 'it holds no dictionary'],
  [
    'a tensor without storage',
    torchFile([], {
      pickle: pickle.whole(
        `}${pickle.text('a')}${pickle.global('torch._utils', '_rebuild_tensor_v2')})Rs`,
      ),
    }),
    'malformed',
    'its storage is not described as PyTorch does',
  ],
])('%s is an error that says so', async (_, bytes, reason, message) => {
  await expect(read(bytes)).rejects.toMatchObject({
    reason,
    message: expect.stringContaining(message),
  });
});

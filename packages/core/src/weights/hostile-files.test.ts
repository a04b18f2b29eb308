import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CheckpointError } from './errors.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { readSafetensorsHeader } from './safetensors/read-header.ts';
import { countBytes } from './stored-dtype.ts';
import type { TensorPlace, TensorPlaces } from './tensor-place.ts';
import { type MemoryFile, memoryFile } from './test-files/memory-file.ts';
import { safetensorsBytes } from './test-files/safetensors-bytes.ts';
import { pickle, torchFile } from './test-files/torch-file.ts';
import { zipFile } from './test-files/zip-file.ts';
import { readTorchFile } from './torch/read-torch-file.ts';

const RUNS = 1_500;
const limits = { ...DEFAULT_LIMITS, headerBytes: 20_000, pickleSteps: 5_000, pickleStack: 500 };

type Read = (file: MemoryFile, most: typeof limits) => Promise<TensorPlaces>;

/** Reads, and holds the reader to what it promises. Tells whether the file was accepted. */
async function check(read: Read, bytes: Uint8Array): Promise<boolean> {
  const file = memoryFile(bytes);
  const places = await read(file, limits).catch((error: unknown) => {
    if (error instanceof CheckpointError) return undefined;
    throw error;
  });
  // Asked for, whether or not the file is that long; the end of a zip file is searched in 64 KiB.
  expect(Math.max(0, ...file.reads)).toBeLessThanOrEqual(Math.max(limits.headerBytes, 70_000));
  for (const place of places?.values() ?? []) checkInside(place, bytes.length);
  return places !== undefined;
}

function checkInside(place: TensorPlace, fileBytes: number): void {
  if (place.kind === 'unreadable') return;
  const range = place.kind === 'contiguous' ? place.at : place.span;
  expect(range.offset).toBeGreaterThanOrEqual(0);
  expect(range.offset + range.length).toBeLessThanOrEqual(fileBytes);
  const needed = countBytes(place.dtype, place.shape);
  if (place.kind === 'contiguous') expect(range.length).toBe(needed);
  else expect(needed).toBeLessThanOrEqual(fileBytes);
}

async function checkMany(read: Read, files: fc.Arbitrary<Uint8Array>): Promise<number> {
  let accepted = 0;
  const property = fc.asyncProperty(files, async (bytes) => {
    if (await check(read, bytes)) accepted++;
  });
  await fc.assert(property, { numRuns: RUNS });
  return accepted;
}

/** A sound file with a few bytes changed, perhaps cut off. */
function damaged(sound: Uint8Array, most = 4): fc.Arbitrary<Uint8Array> {
  const place = fc.nat(sound.length - 1);
  const value = fc.oneof(
    fc.nat(255),
    fc.constantFrom(0, 1, 0x7f, 0x80, 0xff, 0x28, 0x52, 0x74, 0x75),
  );
  const changes = fc.array(fc.tuple(place, value), { minLength: 1, maxLength: most });
  const end = fc.option(place, { freq: 8, nil: sound.length });
  return fc.tuple(changes, end).map(([edits, length]) => {
    const bytes = sound.slice();
    for (const [at, byte] of edits) bytes[at] = byte;
    return bytes.slice(0, length);
  });
}

const tensorHeader = (name: string, start: number, end: number) => ({
  [name]: { dtype: 'F32', shape: [(end - start) / 4], data_offsets: [start, end] },
});
const soundSafetensors = safetensorsBytes(
  { ...tensorHeader('a', 0, 16), ...tensorHeader('b', 16, 64) },
  64,
);
const fixture = new URL('../../../../fixtures/weights/every-kind.bin', import.meta.url);
const soundTorch = Uint8Array.from(await readFile(fixture));

test('safetensors files with damaged bytes', async () => {
  expect(await checkMany(readSafetensorsHeader, damaged(soundSafetensors))).toBeGreaterThan(0);
});

test('safetensors files with any header', async () => {
  const size = fc.oneof(
    fc.nat(8),
    fc.constantFrom(-1, 0.5, 2 ** 53, 1e308, 2 ** 31),
    fc.jsonValue(),
  );
  const entry = fc.record({
    dtype: fc.oneof(fc.constantFrom('F32', 'U8', 'BF16', 'I64', 'F8_E5M2'), fc.jsonValue()),
    shape: fc.oneof(fc.array(size, { maxLength: 4 }), size),
    data_offsets: fc.oneof(fc.array(size, { minLength: 1, maxLength: 3 }), size),
  });
  const name = fc.oneof(
    fc.string(),
    fc.constantFrom('__proto__', 'constructor', '__metadata__', ''),
  );
  const header = fc.oneof(fc.dictionary(name, fc.oneof(entry, fc.jsonValue())), fc.jsonValue());
  const files = fc.tuple(header, fc.nat(64)).map(([json, data]) => safetensorsBytes(json, data));
  await checkMany(readSafetensorsHeader, files);
});

test('PyTorch files with damaged bytes', async () => {
  expect(await checkMany(readTorchFile, damaged(soundTorch))).toBeGreaterThan(0);
});

test('PyTorch files whose zip directory is damaged', async () => {
  const zip = zipFile([{ name: 'm/data.pkl', bytes: pickle.whole('}') }], { zip64: true });
  expect(await checkMany(readTorchFile, damaged(zip, 2))).toBeGreaterThan(0);
});

test('PyTorch files with any pickle', async () => {
  const opcodes = [...'(N\x88\x89})]tuesabQR.\x85\x86\x87'].map((char) => fc.constant(char));
  const word = fc.oneof(
    ...opcodes,
    fc.nat(255).map((byte) => String.fromCharCode(byte)),
    fc.nat(3).map((index) => `q${String.fromCharCode(index)}`),
    fc.nat(3).map((index) => `h${String.fromCharCode(index)}`),
    fc.integer({ min: -2, max: 40 }).map(pickle.int),
    fc.constantFrom('storage', '0', 'cpu', 'state_dict', '__proto__').map(pickle.text),
    fc
      .constantFrom('_rebuild_tensor_v2', '_rebuild_parameter')
      .map((f) => pickle.global('torch._utils', f)),
    fc.constantFrom('FloatStorage', 'LongStorage', 'load').map((f) => pickle.global('torch', f)),
  );
  const body = fc.array(word, { maxLength: 40 }).map((words) => pickle.whole(words.join('')));
  await checkMany(
    readTorchFile,
    body.map((bytes) => torchFile([], { pickle: bytes })),
  );
});

test('PyTorch files whose tensors are anything', async () => {
  const size = fc.oneof(fc.nat(6), fc.integer());
  const tensor = fc.record({
    name: fc.string(),
    storage: fc.constantFrom('FloatStorage', 'ByteStorage', 'LongStorage', 'DoubleStorage'),
    shape: fc.array(size, { maxLength: 4 }),
    strides: fc.array(size, { maxLength: 4 }),
    offset: size,
    bytes: fc.uint8Array({ maxLength: 64 }),
    storageLength: size,
  });
  const files = fc.array(tensor, { maxLength: 2 }).map((tensors) => torchFile(tensors));
  expect(await checkMany(readTorchFile, files)).toBeGreaterThan(0);
});

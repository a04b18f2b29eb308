import { expect, test, vi } from 'vitest';
import { DEFAULT_LIMITS } from '../limits.ts';
import { memoryFile } from '../test-files/memory-file.ts';
import { safetensorsBytes } from '../test-files/safetensors-bytes.ts';
import { readSafetensorsHeader } from './read-header.ts';

const read = (bytes: Uint8Array, limits = DEFAULT_LIMITS) =>
  readSafetensorsHeader(memoryFile(bytes, 'm.safetensors'), limits);
const floats = (start: number, end: number, shape = [(end - start) / 4]) => ({
  dtype: 'F32',
  shape,
  data_offsets: [start, end],
});

test('tells where each tensor stands, counted from the start of the file', async () => {
  const header = {
    __metadata__: { format: 'pt' },
    b: floats(8, 16),
    a: floats(0, 8, [2, 1]),
    none: floats(8, 8, [0, 4]),
  };
  const places = await read(safetensorsBytes(header, 16));
  const dataStart = 8 + JSON.stringify(header).length;
  const at = (offset: number, length: number) => ({
    file: 'm.safetensors',
    offset: dataStart + offset,
    length,
  });
  expect(places).toEqual(
    new Map([
      ['b', { kind: 'contiguous', dtype: 'float32', shape: [2], at: at(8, 8) }],
      ['a', { kind: 'contiguous', dtype: 'float32', shape: [2, 1], at: at(0, 8) }],
      ['none', { kind: 'contiguous', dtype: 'float32', shape: [0, 4], at: at(8, 0) }],
    ]),
  );
});

test('a name like __proto__ is a name like any other', async () => {
  const places = await read(
    safetensorsBytes('{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1),
  );
  expect([...places.keys()]).toEqual(['__proto__']);
});

test('a number format that is not supported does not stand in the way of the other tensors', async () => {
  const places = await read(
    safetensorsBytes(
      { a: floats(0, 4), b: { dtype: 'F8_E4M3', shape: [4], data_offsets: [4, 8] } },
      8,
    ),
  );
  expect(places.get('b')).toMatchObject({
    kind: 'unreadable',
    why: expect.stringContaining('"F8_E4M3"'),
  });
});

test('nothing but the length is read of a header that is too long', async () => {
  const bytes = safetensorsBytes({ a: floats(0, 4) }, 4);
  const file = memoryFile(bytes);
  const limits = { ...DEFAULT_LIMITS, headerBytes: 10 };
  await expect(readSafetensorsHeader(file, limits)).rejects.toMatchObject({
    name: 'CheckpointError',
    reason: 'over-limit',
    message: expect.stringContaining('the limit headerBytes is 10'),
  });
  expect(file.reads).toEqual([8]);
});

/** A header as long as allowed, of one piece again and again. */
const repeated = (start: string, piece: string, end: string) => {
  const room = DEFAULT_LIMITS.headerBytes - start.length - end.length;
  const pieces = piece.repeat(Math.floor(room / piece.length) - 1);
  return safetensorsBytes(`${start}${pieces}${piece.slice(0, -1)}${end}`, 0);
};

test.each([
  ['objects', '{"a":{"shape":[', '{},', ']}}'],
  ['lists', '{"a":{"shape":[', '[],', ']}}'],
  ['objects with a key', '{"a":{"shape":[', '{"a":0},', ']}}'],
  ['numbers', '{"a":{"shape":[', '0,', ']}}'],
  ['opening brackets', '{"a":', '[[', ''],
  ['opening braces', '{"a":', '{"a":', '0}'],
])('a header of millions of %s is refused before it is parsed', async (_, ...parts) => {
  const parse = vi.spyOn(JSON, 'parse');
  await expect(read(repeated(...parts))).rejects.toMatchObject({
    name: 'CheckpointError',
    reason: 'malformed',
  });
  expect(parse).not.toHaveBeenCalled();
  parse.mockRestore();
});

test('a header of more keys than allowed is refused before it is parsed', async () => {
  const keys = Array.from({ length: DEFAULT_LIMITS.jsonKeys + 1 }, (_, i) => `"k${i}":0`);
  const parse = vi.spyOn(JSON, 'parse');
  await expect(read(safetensorsBytes(`{${keys}}`, 0))).rejects.toMatchObject({
    reason: 'over-limit',
    message: expect.stringContaining('more than 200000 keys, the limit jsonKeys'),
  });
  expect(parse).not.toHaveBeenCalled();
  parse.mockRestore();
});

test('a text that does not end is an error', async () => {
  await expect(read(safetensorsBytes('{"a', 0))).rejects.toThrow('its JSON is not sound');
  await expect(read(safetensorsBytes('{"a\\', 0))).rejects.toThrow('its JSON is not sound');
});

test.each([
  ['an empty file', new Uint8Array(0), 'truncated'],
  [
    'a header longer than the file',
    safetensorsBytes({ a: floats(0, 4) }, 0).subarray(0, 20),
    'truncated',
  ],
  [
    'an absurd length',
    Uint8Array.from([...'<!DOCTYP'].map((char) => char.charCodeAt(0))),
    'over-limit',
  ],
  ['data that ends early', safetensorsBytes({ a: floats(0, 400) }, 396), 'truncated'],
  ['bytes after the last tensor', safetensorsBytes({ a: floats(0, 4) }, 5), 'malformed'],
  ['a hole', safetensorsBytes({ a: floats(0, 4), b: floats(8, 12) }, 12), 'malformed'],
  ['an overlap', safetensorsBytes({ a: floats(0, 8), b: floats(4, 12) }, 12), 'malformed'],
  ['a header that is not JSON', safetensorsBytes('{"a":', 0), 'malformed'],
  ['a header that is a list', safetensorsBytes([], 0), 'malformed'],
  ['bytes that are not UTF-8', Uint8Array.from([2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe]), 'malformed'],
  [
    'a name given twice',
    safetensorsBytes(
      '{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}',
      0,
    ),
    'malformed',
  ],
  [
    'a field given twice',
    safetensorsBytes('{"a":{"dtype":"U8","shape":[0],"shape":[0],"data_offsets":[0,0]}}', 0),
    'malformed',
  ],
  ['a tensor that is a number', safetensorsBytes({ a: 1 }, 0), 'malformed'],
  ['no dtype', safetensorsBytes({ a: { shape: [], data_offsets: [0, 0] } }, 0), 'malformed'],
  ['a negative size', safetensorsBytes({ a: floats(0, 4, [-1]) }, 4), 'malformed'],
  ['a broken size', safetensorsBytes({ a: floats(0, 4, [1.5]) }, 4), 'malformed'],
  [
    'more numbers than can be counted',
    safetensorsBytes({ a: floats(0, 4, [2 ** 50, 2 ** 50]) }, 4),
    'malformed',
  ],
  ['65 dimensions', safetensorsBytes({ a: floats(0, 4, Array(65).fill(1)) }, 4), 'malformed'],
  ['a shape that needs other bytes', safetensorsBytes({ a: floats(0, 8, [3]) }, 8), 'malformed'],
  ['offsets that run backwards', safetensorsBytes({ a: floats(4, 0, [1]) }, 4), 'malformed'],
  [
    'three offsets',
    safetensorsBytes({ a: { dtype: 'U8', shape: [0], data_offsets: [0, 0, 0] } }, 0),
    'malformed',
  ],
] as const)('%s is an error', async (_, bytes, reason) => {
  await expect(read(bytes)).rejects.toMatchObject({
    name: 'CheckpointError',
    reason,
    file: 'm.safetensors',
  });
});

test('the error names the tensor and the file', async () => {
  await expect(read(safetensorsBytes({ 'layers.0.w': floats(0, 8, [3]) }, 8))).rejects.toThrow(
    'Cannot read "layers.0.w" of m.safetensors: "F32" of shape [3] needs 12 bytes, its data_offsets hold 8',
  );
});

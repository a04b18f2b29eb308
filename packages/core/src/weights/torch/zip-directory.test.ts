import { expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../limits.ts';
import { memoryFile } from '../test-files/memory-file.ts';
import { type ZipEntry, zipFile } from '../test-files/zip-file.ts';
import type { FileRange } from '../weight-source.ts';
import { readZipDirectory } from './zip-directory.ts';

const entry: ZipEntry = { name: 'model/a', bytes: Uint8Array.of(1, 2, 3) };
const other: ZipEntry = { name: 'model/b', bytes: Uint8Array.of(4, 5) };
const directoryOf = (bytes: Uint8Array, limits = {}) =>
  readZipDirectory(memoryFile(bytes, 'm.bin'), { ...DEFAULT_LIMITS, ...limits });

/** Where every entry stands, by name. */
async function read(bytes: Uint8Array): Promise<Map<string, FileRange>> {
  const directory = await directoryOf(bytes);
  const found = new Map<string, FileRange>();
  for (const name of directory.names) found.set(name, (await directory.locate(name))!);
  return found;
}

test.each([{ zip64: false }, { zip64: true }, { comment: 'a comment' }])(
  'finds the bytes of every entry (%o)',
  async (options) => {
    const bytes = zipFile([entry, other], options);
    const entries = await read(bytes);
    expect(await (await directoryOf(bytes)).locate('model/c')).toBeUndefined();
    const slices = [...entries].map(([name, { offset, length }]) => [
      name,
      bytes.slice(offset, offset + length),
    ]);
    expect(slices).toEqual([
      ['model/a', entry.bytes],
      ['model/b', other.bytes],
    ]);
  },
);

test.each([
  ['compressed', { ...entry, method: 8 }, 'unsupported', 'is compressed'],
  ['encrypted', { ...entry, flags: 1 }, 'unsupported', 'is encrypted'],
  [
    'longer than the file',
    { ...entry, claimed: { length: 1e6 } },
    'malformed',
    'reaches into the zip directory',
  ],
  [
    'elsewhere',
    { ...entry, claimed: { offset: 3 } },
    'malformed',
    'is not where the zip directory says',
  ],
  ['beyond the end', { ...entry, claimed: { offset: 1e9 } }, 'truncated', 'is beyond its end'],
  ['overlapping the next', { ...entry, claimed: { length: 4 } }, 'malformed', 'overlaps another'],
  ['listed twice', { ...other, bytes: entry.bytes }, 'malformed', 'is listed twice'],
])('an entry that is %s is an error', async (_, broken, reason, message) => {
  await expect(read(zipFile([broken, other]))).rejects.toMatchObject({
    reason,
    message: expect.stringContaining(message),
  });
});

test('a directory that claims too much is an error before it is read', async () => {
  const bytes = zipFile([entry]);
  await expect(directoryOf(bytes, { headerBytes: 20 })).rejects.toMatchObject({
    reason: 'over-limit',
  });
  const claims = zipFile([entry]);
  new DataView(claims.buffer).setUint16(claims.length - 14, 9_999, true);
  new DataView(claims.buffer).setUint16(claims.length - 12, 9_999, true);
  await expect(read(claims)).rejects.toThrow('too short for the 9999 entries');
});

test('a directory of more entries than allowed is an error before it is read', async () => {
  const names = Array.from({ length: DEFAULT_LIMITS.zipEntries + 1 }, (_, index) => `m/${index}`);
  const file = memoryFile(zipFile(names.map((name) => ({ name, bytes: new Uint8Array() }))));
  await expect(readZipDirectory(file, DEFAULT_LIMITS)).rejects.toMatchObject({
    reason: 'over-limit',
    message: expect.stringContaining('30001 entries, the limit zipEntries is 30000'),
  });
  expect(file.reads.length).toBe(1);
});

test('a file that was cut off has no directory', async () => {
  await expect(read(zipFile([entry]).subarray(0, 60))).rejects.toMatchObject({
    reason: 'truncated',
  });
});

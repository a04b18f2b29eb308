import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import koffi from 'koffi';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { LargePages } from './large-pages.ts';
import { createFileMapper, type MappedFile } from './mapped-file.ts';
import { openSystemMemory, type SystemMemory } from './system-memory.ts';

const MEGABYTE = 2 ** 20;
const LENGTH = 21 * MEGABYTE + 777;
const folder = mkdtempSync(path.join(tmpdir(), 'lingbi-large-pages-'));
const file = path.join(folder, 'weights');
const content = Buffer.from(
  Uint32Array.from({ length: LENGTH / 4 }, (_, at) => at * 2654435761).buffer,
);
writeFileSync(file, content);
afterAll(() => rmSync(folder, { recursive: true }));

function mapFile(): MappedFile {
  const mapped = createFileMapper()!.map(file);
  onTestFinished(() => mapped[Symbol.dispose]());
  return mapped;
}

function bytesAt({ address }: MappedFile, start: number, length: number): Buffer {
  return Buffer.from(koffi.view(address + BigInt(start), length));
}

/** What of a mapping is still the file's pages, in MB: those follow the file when it is written to. */
function megabytesOfFile(mapped: MappedFile): number {
  const marks = Array.from({ length: 21 }, (_, at) => at * MEGABYTE + MEGABYTE / 2);
  const changed = Buffer.from(content);
  for (const mark of marks) changed[mark]! ^= 0xff;
  writeFileSync(file, changed, { flag: 'r+' });
  try {
    const ofFile = marks.filter((mark) => bytesAt(mapped, mark, 1)[0] === changed[mark]);
    return ofFile.length;
  } finally {
    writeFileSync(file, content, { flag: 'r+' });
  }
}

const everything = (mapped: MappedFile) => bytesAt(mapped, 0, mapped.length).equals(content);

describe.skipIf(process.platform !== 'linux')(
  'what a mapped file holds moves into large pages',
  () => {
    const room = () => 1000 * MEGABYTE;

    test('and says the same at the same address', async () => {
      const mapped = mapFile();
      expect(megabytesOfFile(mapped)).toBe(21);
      const pages = new LargePages(openSystemMemory(), room);
      pages.add(mapped.address, mapped.length);
      await pages.move();
      expect(megabytesOfFile(mapped)).toBe(0);
      expect(everything(mapped)).toBe(true);
    });

    test('as far as it was added, what lies between neighbours with them', async () => {
      const mapped = mapFile();
      const pages = new LargePages(openSystemMemory(), room);
      const at = (megabyte: number) => mapped.address + BigInt(megabyte * MEGABYTE);
      pages.add(at(9), 3 * MEGABYTE);
      pages.add(at(3) + 100n, 3 * MEGABYTE - 100);
      pages.add(at(6) + 8000n, 2 * MEGABYTE - 8000);
      pages.add(at(15), MEGABYTE); // less than a large page
      await pages.move();
      expect(megabytesOfFile(mapped)).toBe(21 - 5 - 3);
      expect(everything(mapped)).toBe(true);
    });

    test('a turn after the other, while others have theirs', async () => {
      const mapped = mapFile();
      const pages = new LargePages(openSystemMemory(), room);
      pages.add(mapped.address, mapped.length);
      let turns = 0;
      await pages.move({
        inTurn: (step) => {
          turns++;
          expect(everything(mapped)).toBe(true);
          return step();
        },
      });
      expect(turns).toBeGreaterThanOrEqual(6);
      expect(megabytesOfFile(mapped)).toBe(0);
    });

    test('until somebody stops it', async () => {
      const mapped = mapFile();
      const pages = new LargePages(openSystemMemory(), room);
      pages.add(mapped.address, mapped.length);
      const inTurn = <T>(step: () => Promise<T>) => {
        void pages.stop();
        return step();
      };
      await pages.move({ inTurn });
      const left = megabytesOfFile(mapped);
      expect(left).toBeGreaterThan(15);
      expect(left).toBeLessThan(21);
      await pages.move();
      expect(megabytesOfFile(mapped)).toBe(left);
      expect(everything(mapped)).toBe(true);
    });

    test('not at all where it is stopped before it begins', async () => {
      const mapped = mapFile();
      const pages = new LargePages(openSystemMemory(), room);
      pages.add(mapped.address, mapped.length);
      const moving = pages.move({ inTurn: (step) => step() });
      await pages.stop();
      await moving;
      expect(megabytesOfFile(mapped)).toBe(21);
    });

    test('only where twice as much is free', async () => {
      const mapped = mapFile();
      const pages = new LargePages(openSystemMemory(), () => 2 * mapped.length - 300_000);
      pages.add(mapped.address, mapped.length);
      await pages.move();
      expect(megabytesOfFile(mapped)).toBe(21);
    });

    test.each<[string, Partial<SystemMemory>]>([
      ['gives no memory', { map: () => undefined }],
      ['moves no pages', { replace: () => false }],
      ['fails to copy', { copy: () => Promise.reject(new Error('no thread')) }],
    ])('nothing where the system %s, and all can be read as before', async (_, broken) => {
      const mapped = mapFile();
      const pages = new LargePages({ ...openSystemMemory()!, ...broken }, room);
      pages.add(mapped.address, mapped.length);
      await pages.move();
      expect(megabytesOfFile(mapped)).toBe(21);
      expect(everything(mapped)).toBe(true);
    });
  },
);

test('without calls of the system nothing moves', async () => {
  const pages = new LargePages(undefined, () => 1000 * MEGABYTE);
  pages.add(BigInt(MEGABYTE), 100 * MEGABYTE);
  await pages.move();
});

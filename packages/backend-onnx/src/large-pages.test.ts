import koffi from 'koffi';
import { describe, expect, test } from 'vitest';
import { LargePages } from './large-pages.ts';

const MEGABYTE = 2 ** 20;
const isLinux = process.platform === 'linux';

function bytesOf(seed: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * seed + (at >> 8)) % 251);
}

describe.skipIf(!isLinux)('memory in large pages', () => {
  test('holds what was put there, however much, each where numbers may begin', () => {
    using pages = new LargePages(4 * MEGABYTE);
    const lengths = [1, 63, 64, 65, 3 * MEGABYTE, MEGABYTE, 9 * MEGABYTE + 1, 100];
    const put = lengths.map((length, at) => bytesOf(at + 3, length));
    const places = put.map((bytes) => pages.put(bytes)!);
    for (const [at, place] of places.entries()) {
      expect(place % 64n).toBe(0n);
      const held = new Uint8Array(koffi.view(place, lengths[at]!));
      expect(Buffer.compare(held, put[at]!)).toBe(0);
    }
  });

  test('begins at a large page', () => {
    using pages = new LargePages();
    expect(pages.put(bytesOf(7, 5))! % BigInt(2 * MEGABYTE)).toBe(0n);
  });

  test('is not there for nothing at all, or for more than the system has', () => {
    using pages = new LargePages(2 ** 52);
    expect(pages.put(new Uint8Array())).toBeUndefined();
    expect(pages.put(bytesOf(7, 5))).toBeUndefined();
  });
});

test.skipIf(isLinux)('other systems have none', () => {
  using pages = new LargePages();
  expect(pages.put(bytesOf(7, 5))).toBeUndefined();
});

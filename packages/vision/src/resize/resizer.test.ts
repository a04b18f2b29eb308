import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { sourceHash } from '../../scripts/build-wasm.ts';
import { fixtureJson, noisePicture, sha256, turned } from '../test-support.ts';
import { createResizer } from './resizer.ts';
import type { Filter } from './taps.ts';
import { resizeWasmSource } from './wasm.generated.ts';

interface RecordedResize {
  pictures: {
    input: [number, number];
    output: [number, number];
    bytes: string;
    bilinear: string;
    bicubic: string;
  }[];
}

const recorded = fixtureJson<RecordedResize>('vision/resize.json');
const typescript = createResizer('typescript');
const wasm = createResizer('wasm');

afterEach(() => vi.unstubAllGlobals());

describe.each([typescript, wasm])('the $kind resizer', (resizer) => {
  // Spec PREPROCESS §4.
  test.each([
    [
      [0, 10, 20, 30, 40, 50, 60, 70, 80, 255],
      [10, 32, 58, 132],
    ],
    [
      [0, 100, 200, 50],
      [0, 36, 93, 150, 189, 104, 50],
    ],
    [
      [0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255],
      [112, 134, 128, 121, 143],
    ],
  ])('makes of the row %j the row %j', (row, expected) => {
    const grey = Uint8Array.from(row.flatMap((level) => [level, level, level]));
    const picture = { width: row.length, height: 1, data: grey };
    const { data } = resizer.resize(picture, { width: expected.length, height: 1 });
    expect([...data]).toEqual(expected.flatMap((level) => [level, level, level]));
    const column = resizer.resize(turned(picture), { width: 1, height: expected.length });
    expect([...column.data]).toEqual([...data]);
  });

  test.each(recorded.pictures)("gives Pillow's bytes for $input to $output", (entry) => {
    const [width, height] = entry.input;
    const picture = { width, height, data: Buffer.from(entry.bytes, 'base64') };
    const size = { width: entry.output[0], height: entry.output[1] };
    for (const filter of ['bilinear', 'bicubic'] as const) {
      expect(sha256(resizer.resize(picture, size, { filter }).data)).toBe(entry[filter]);
    }
  });

  test('begins with the columns when asked, as if the picture lay on its side', () => {
    const picture = noisePicture({ width: 37, height: 61 });
    const size = { width: 52, height: 23 };
    const onItsSide = resizer.resize(turned(picture), { width: 23, height: 52 });
    const upright = resizer.resize(picture, size, { firstPass: 'vertical' });
    expect(upright).toEqual(turned(onItsSide));
    expect(sha256(resizer.resize(picture, size).data)).not.toBe(sha256(upright.data));
  });

  test('copies a picture that has its size already', () => {
    const picture = noisePicture({ width: 5, height: 4 });
    const same = resizer.resize(picture, { width: 5, height: 4 });
    expect(same).toEqual(picture);
    expect(same.data).not.toBe(picture.data);
  });

  test('refuses sizes and data that do not fit', () => {
    const picture = noisePicture({ width: 5, height: 4 });
    expect(() => resizer.resize(picture, { width: 0, height: 4 })).toThrow(
      'resizing to 0 × 4: width and height must be whole numbers of pixels, at least 1',
    );
    const short = { ...picture, data: picture.data.subarray(1) };
    expect(() => resizer.resize(short, { width: 2, height: 2 })).toThrow(
      'its data should be 60 bytes of RGB, but it has 59',
    );
  });
});

test('both resizers give the same bytes for any picture, size, filter and order', () => {
  const side = fc.integer({ min: 1, max: 90 });
  const size = fc.record({ width: side, height: side });
  const options = fc.record({
    filter: fc.constantFrom<Filter>('bilinear', 'bicubic'),
    firstPass: fc.constantFrom<'horizontal' | 'vertical'>('horizontal', 'vertical'),
  });
  fc.assert(
    fc.property(size, size, options, fc.nat(), (from, to, how, seed) => {
      const picture = noisePicture(from, seed);
      const expected = typescript.resize(picture, to, how);
      expect(Buffer.compare(wasm.resize(picture, to, how).data, expected.data)).toBe(0);
    }),
    { numRuns: 200 },
  );
});

test.each(['horizontal', 'vertical'] as const)(
  'strips join without a seam, %s pass first',
  (firstPass) => {
    const picture = noisePicture({ width: 1500, height: 900 });
    const size = { width: 700, height: 410 };
    const expected = typescript.resize(picture, size, { firstPass, filter: 'bicubic' });
    const actual = wasm.resize(picture, size, { firstPass, filter: 'bicubic' });
    expect(sha256(actual.data)).toBe(sha256(expected.data));
  },
);

test('falls back to TypeScript where WebAssembly or its SIMD is missing', () => {
  vi.stubGlobal('WebAssembly', { validate: () => false });
  expect(createResizer().kind).toBe('typescript');
  expect(() => createResizer('wasm')).toThrow('this runtime has no WebAssembly SIMD');
  vi.stubGlobal('WebAssembly', undefined);
  expect(createResizer().kind).toBe('typescript');
});

test('prefers WebAssembly', () => {
  expect(createResizer().kind).toBe('wasm');
});

test('the committed WebAssembly was made from the committed source', async () => {
  expect(resizeWasmSource, 'run: npx tsx packages/vision/scripts/build-wasm.ts').toBe(
    await sourceHash(),
  );
});

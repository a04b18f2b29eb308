import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PictureSource } from './bytes/picture-source.ts';
import { PictureError } from './errors.ts';
import { readPicture } from './read-picture.ts';
import { fixturePath } from './test-support.ts';

// Small limits, so that a picture which slips past one shows.
const limits = { bytes: 64 * 1024, pixels: 20_000, side: 400, seconds: 20 };

const folder = fixturePath('pictures/decode');
const files = readdirSync(folder).map((name) => readFileSync(`${folder}/${name}`));

/** Four bytes that a header may hold for a size or a length. */
const lie = fc.oneof(
  fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x00ffffff, 0xffff, 0xff00ff00),
  fc.nat(0xffffffff),
);

/** A real picture with a few numbers overwritten, mostly in its header, and perhaps cut short. */
const mutated = fc
  .record({
    file: fc.constantFrom(...files),
    lies: fc.array(
      fc.record({
        where: fc.double({ min: 0, max: 1, noNaN: true }),
        value: lie,
        early: fc.boolean(),
      }),
      { minLength: 0, maxLength: 6 },
    ),
    kept: fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
    littleEndian: fc.boolean(),
  })
  .map(({ file, lies, kept, littleEndian }) => {
    const bytes = Buffer.from(file);
    for (const { where, value, early } of lies) {
      const room = (early ? Math.min(64, bytes.length) : bytes.length) - 4;
      const at = Math.floor(where * room);
      if (littleEndian) bytes.writeUInt32LE(value, at);
      else bytes.writeUInt32BE(value, at);
    }
    return bytes.subarray(0, Math.floor(bytes.length * kept));
  });

/** The beginning of a picture, and anything after it. */
const grafted = fc
  .tuple(fc.constantFrom(...files), fc.nat(40), fc.uint8Array({ maxLength: 300 }))
  .map(([file, length, rest]) => Buffer.concat([file.subarray(0, length), rest]));

const dataUri = fc
  .tuple(
    fc.constantFrom('data:', 'data:image/png', 'DATA:;base64,', 'data:image/gif;base64,'),
    fc.string(),
  )
  .map(([beginning, rest]) => beginning + rest);

const anyPixels = fc.record({
  width: fc.oneof(fc.integer({ min: -2, max: 500 }), fc.double()),
  height: fc.integer({ min: -2, max: 500 }),
  channels: fc.constantFrom(1, 2, 3, 4, 5 as 4),
  data: fc.uint8Array({ maxLength: 64 }),
});

describe('hostile input ends in a PictureError, or in a picture within the limits:', () => {
  test.each<[string, fc.Arbitrary<PictureSource>, number]>([
    ['pictures with lying headers', mutated, 2200],
    ['beginnings of pictures', grafted, 500],
    ['random bytes', fc.uint8Array({ maxLength: 200 }), 200],
    ['data URIs', dataUri, 300],
    ['pixels', anyPixels, 200],
  ])('%s', async (_, sources, numRuns) => {
    await fc.assert(fc.asyncProperty(sources, endsWell), { numRuns });
  });
});

async function endsWell(source: PictureSource): Promise<void> {
  try {
    const { width, height, data } = await readPicture(source, { limits });
    expect(data.length).toBe(width * height * 3);
    expect(width * height).toBeLessThanOrEqual(limits.pixels);
    expect(Math.max(width, height)).toBeLessThanOrEqual(limits.side);
  } catch (error) {
    expect(error).toBeInstanceOf(PictureError);
  }
}

import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import {
  DamagedPictureError,
  NotAPictureError,
  PictureLimitError,
  UnsupportedPictureError,
} from '../errors.ts';
import { readPicture } from '../read-picture.ts';
import { fixtureJson, fixturePath, sha256 } from '../test-support.ts';

type Stored = [width: number, height: number, sha256: string];

const recorded = fixtureJson<{ decoded: Record<string, [...Stored, ...Stored] | Stored> }>(
  'pictures/expected.json',
).decoded;

describe.each(Object.entries(recorded))('%s', (name, [width, height, hash, ...turned]) => {
  const path = fixturePath(`pictures/decode/${name}`);

  test('decodes to the RGB of Pillow', async () => {
    const picture = await readPicture(path);
    expect([picture.width, picture.height, sha256(picture.data)]).toEqual([width, height, hash]);
  });

  test('is turned as its EXIF says, when asked', async () => {
    const picture = await readPicture(path, { orientation: 'exif' });
    const expected = turned.length > 0 ? turned : [width, height, hash];
    expect([picture.width, picture.height, sha256(picture.data)]).toEqual(expected);
  });
});

describe('grey of 16 bits', () => {
  // The file holds the levels 5, 133, 261, …, 128 apart.
  const levels = Array.from({ length: 512 }, (_, i) => i * 128 + 5);
  const path = fixturePath('pictures/decode/sixteen-bit-grey.png');
  const grey = (rgb: Uint8Array) => [...rgb.filter((_, i) => i % 3 === 0)];

  test('is white above 255, as Pillow has it', async () => {
    expect(grey((await readPicture(path)).data)).toEqual(levels.map((each) => Math.min(each, 255)));
  });

  test('keeps its upper eight when asked', async () => {
    const { data } = await readPicture(path, { sixteenBitGrey: 'scale' });
    expect(grey(data)).toEqual(levels.map((each) => each >> 8));
  });
});

const kinds = ['rgb.png', 'progressive.jpg', 'animated.webp', 'interlaced.gif', '24-bit.bmp'];

test.each(kinds)('%s that breaks off is a DamagedPictureError', async (name) => {
  const bytes = await readFile(fixturePath(`pictures/decode/${name}`));
  const half = bytes.subarray(0, Math.floor(bytes.length / 2));
  const error = await failureOf(half);
  expect(error).toBeInstanceOf(DamagedPictureError);
  expect(error).toMatchObject({ picture: `a buffer of ${half.length} bytes` });
});

test.each(kinds)('of %s, the size is checked before anything is decoded', async (name) => {
  const bytes = await readFile(fixturePath(`pictures/decode/${name}`));
  for (const limits of [{ pixels: 100 }, { side: 20 }]) {
    const error = await readPicture(bytes, { limits }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(PictureLimitError);
    expect(error).toMatchObject({
      limit: Object.keys(limits)[0],
      allowed: Object.values(limits)[0],
    });
  }
});

describe('a decompression bomb', () => {
  test('of a PNG that states 60,000 × 60,000 pixels is refused by its header', async () => {
    const png = await readFile(fixturePath('pictures/decode/rgb.png'));
    png.writeUInt32BE(60_000, 16);
    png.writeUInt32BE(60_000, 20);
    await expect(readPicture(withCrc(png))).rejects.toThrow(
      'it takes at least 3600000000 pixels, and 89478485 are allowed. Use a smaller picture, or raise limits.pixels',
    );
  });

  test('of a GIF whose frame lies far outside of its screen is refused', async () => {
    const gif = await readFile(fixturePath('pictures/decode/frame-beyond.gif'));
    const frame = gif.indexOf(0x2c, 13 + 48);
    gif.writeUInt16LE(65_000, frame + 1);
    gif.writeUInt16LE(65_000, frame + 3);
    expect(await failureOf(gif)).toBeInstanceOf(PictureLimitError);
  });

  test('of a BMP that states more rows than it has is refused without room for them', async () => {
    const bmp = await readFile(fixturePath('pictures/decode/24-bit.bmp'));
    bmp.writeInt32LE(9000, 18);
    bmp.writeInt32LE(-9000, 22);
    await expect(readPicture(bmp)).rejects.toThrow(DamagedPictureError);
  });
});

test('what a picture is, its content decides', async () => {
  const bytes = await readFile(fixturePath('pictures/decode/rgb.png'));
  const uri = `data:image/jpeg;base64,${bytes.toString('base64')}`;
  expect(sha256((await readPicture(uri)).data)).toBe(recorded['rgb.png']![2]);
});

test.each([
  ['AVIF', '\0\0\0\x1cftypavif'],
  ['HEIF', '\0\0\0\x1cftypheic'],
  ['TIFF', 'II*\0'],
  ['SVG', ' <svg xmlns="http://www.w3.org/2000/svg"/>'],
  ['PDF', '%PDF-1.7'],
])('%s is named, and not read', async (format, beginning) => {
  const error = await failureOf(Buffer.from(beginning, 'latin1'));
  expect(error).toBeInstanceOf(UnsupportedPictureError);
  expect(error).toMatchObject({ format });
  expect(String(error)).toContain('Convert it to PNG or JPEG first');
});

test('compressed BMP is named, and not read', async () => {
  const bmp = await readFile(fixturePath('pictures/decode/8-bit.bmp'));
  bmp.writeUInt32LE(1, 30);
  await expect(readPicture(bmp)).rejects.toThrow('BMP of 8 bits with compression 1 is not read');
});

test('a GIF that uses a code before it is defined is damaged', async () => {
  const header = Buffer.from('GIF89a\x02\0\x02\0\0\0\0,\0\0\0\0\x02\0\x02\0\0', 'latin1');
  // Codes of 3 bits: 4 clears, 7 would come after 6.
  const data = Buffer.from([2, 1, 4 | (7 << 3), 0]);
  await expect(readPicture(Buffer.concat([header, data]))).rejects.toThrow(
    'the GIF is damaged: code 7 comes before it is defined',
  );
});

test('anything else is no picture', async () => {
  const error = await failureOf(Buffer.from('<!DOCTYPE html><html>'));
  expect(error).toBeInstanceOf(NotAPictureError);
  expect(error).toMatchObject({ beginning: '<!DOCTYPE html><' });
  await expect(readPicture(new Uint8Array())).rejects.toThrow('it is empty');
});

async function failureOf(bytes: Uint8Array): Promise<unknown> {
  return readPicture(bytes).then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** The PNG with the checksum of its header made right again. */
function withCrc(png: Buffer): Buffer {
  let crc = 0xffffffff;
  for (const byte of png.subarray(12, 29)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  png.writeUInt32BE((crc ^ 0xffffffff) >>> 0, 29);
  return png;
}

import { DamagedPictureError, UnsupportedPictureError } from '../errors.ts';
import type { Picture } from '../picture.ts';
import { checkPixels, type Reading } from '../reading.ts';
import { type ByteReader, byteReader } from './byte-reader.ts';
import { expandPalette, type Palette, paletteOf } from './palette.ts';

/** What the headers of a BMP say. */
interface BmpHeader {
  readonly width: number;
  readonly height: number;
  /** Rows are stored from the bottom upwards unless the height is negative. */
  readonly topDown: boolean;
  readonly bits: number;
  readonly masks: Masks;
  readonly palette: Palette;
  readonly pixelsAt: number;
}

/** Which bits of a pixel are red, green and blue. */
type Masks = readonly [number, number, number];

// The values of the field "compression" in a Windows bitmap header.
const plain = 0;
const bitFields = 3;
const alphaBitFields = 6;

const coreHeader = 12;
const plainMasks: Masks = [0xff0000, 0xff00, 0xff];
const plainMasks16: Masks = [0x7c00, 0x3e0, 0x1f];

/** Uncompressed Windows and OS/2 bitmaps of 1, 4, 8, 16, 24 or 32 bits; alpha is dropped. */
export function decodeBmp(bytes: Uint8Array, reading: Reading): Picture {
  const file = byteReader(bytes, 'BMP', reading);
  const header = readHeader(file, reading);
  const { width, height, bits, pixelsAt } = header;
  const stride = Math.ceil((width * bits) / 32) * 4;
  file.position = pixelsAt;
  const stored = file.bytes(stride * height);
  const rowOf = bits <= 8 ? indexedRows(header) : maskedRows(header);
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const from = header.topDown ? y : height - 1 - y;
    data.set(rowOf(stored.subarray(from * stride, (from + 1) * stride)), y * width * 3);
  }
  return { width, height, data };
}

function readHeader(file: ByteReader, reading: Reading): BmpHeader {
  file.position = 10;
  const pixelsAt = file.uint32();
  const start = file.position;
  const headerSize = file.uint32();
  const core = headerSize === coreHeader;
  const width = core ? file.uint16() : file.int32();
  const signedHeight = core ? file.uint16() : file.int32();
  file.uint16(); // planes, always 1
  const bits = file.uint16();
  const compression = core ? plain : file.uint32();
  const height = Math.abs(signedHeight);
  checkHeader({ width, height, bits, compression, headerSize }, reading);
  if (!core) file.bytes(12); // size of the pixels and resolution
  const listed = core ? 0 : file.uint32();
  if (!core) file.uint32(); // how many colours matter
  const masks = compression === plain ? masksOf(bits) : readMasks(file, reading);
  // Masks of the smallest header follow it, those of larger ones are inside.
  file.position = Math.max(start + headerSize, compression === plain ? 0 : file.position);
  const colors = bits <= 8 ? readColors(file, listed || 1 << bits, core) : undefined;
  const palette = paletteOf(colors);
  return { width, height, topDown: signedHeight < 0, bits, masks, palette, pixelsAt };
}

interface HeaderFacts {
  readonly width: number;
  readonly height: number;
  readonly bits: number;
  readonly compression: number;
  readonly headerSize: number;
}

function checkHeader(facts: HeaderFacts, reading: Reading): void {
  const { width, height, bits, compression, headerSize } = facts;
  const unsupported = (problem: string): UnsupportedPictureError =>
    new UnsupportedPictureError(reading.name, 'BMP', problem);
  if (headerSize !== coreHeader && headerSize < 40)
    throw unsupported(`its BMP header of ${headerSize} bytes is not known`);
  if (width < 1 || height < 1) {
    throw new DamagedPictureError(reading.name, 'BMP', `its size is ${width} × ${height}`);
  }
  checkPixels(reading, width, height);
  const masked = compression === bitFields || compression === alphaBitFields;
  if (compression !== plain && !(masked && bits >= 16)) {
    throw unsupported(`BMP of ${bits} bits with compression ${compression} is not read`);
  }
  if (![1, 4, 8, 16, 24, 32].includes(bits)) throw unsupported(`BMP of ${bits} bits is not read`);
}

function masksOf(bits: number): Masks {
  return bits === 16 ? plainMasks16 : plainMasks;
}

function readMasks(file: ByteReader, reading: Reading): Masks {
  const masks: Masks = [file.uint32(), file.uint32(), file.uint32()];
  if (masks.every(isRunOfBits)) return masks;
  throw new DamagedPictureError(reading.name, 'BMP', `its colour masks are ${masks.join(', ')}`);
}

/** Some neighbouring bits, and at most eight of them. */
function isRunOfBits(mask: number): boolean {
  const run = mask / lowestBit(mask);
  return mask !== 0 && run <= 255 && ((run + 1) & run) === 0;
}

function lowestBit(mask: number): number {
  return (mask & -mask) >>> 0;
}

/** Colours are stored blue, green, red, with a spare byte except in the oldest header. */
function readColors(file: ByteReader, count: number, core: boolean): Uint8Array {
  const length = Math.min(count, 256);
  const colors = new Uint8Array(length * 3);
  for (let color = 0; color < length; color++) {
    const [blue, green, red] = file.bytes(core ? 3 : 4);
    colors.set([red!, green!, blue!], color * 3);
  }
  return colors;
}

type RowReader = (stored: Uint8Array) => Uint8Array;

function indexedRows({ width, bits, palette }: BmpHeader): RowReader {
  const indices = new Uint8Array(width);
  const perByte = 8 / bits;
  const mask = (1 << bits) - 1;
  return (stored) => {
    for (let x = 0; x < width; x++) {
      const shift = 8 - bits * ((x % perByte) + 1);
      indices[x] = (stored[Math.floor(x / perByte)]! >> shift) & mask;
    }
    return expandPalette(indices, palette);
  };
}

function maskedRows({ width, bits, masks }: BmpHeader): RowReader {
  const row = new Uint8Array(width * 3);
  const bytes = bits / 8;
  const channels = masks.map((mask) => ({
    mask,
    unit: lowestBit(mask),
    most: mask / lowestBit(mask),
  }));
  return (stored) => {
    for (let x = 0; x < width; x++) {
      let pixel = 0;
      for (let byte = bytes - 1; byte >= 0; byte--) pixel = pixel * 256 + stored[x * bytes + byte]!;
      for (const [channel, { mask, unit, most }] of channels.entries()) {
        const level = ((pixel & mask) >>> 0) / unit;
        row[x * 3 + channel] = Math.trunc((level * 255) / most);
      }
    }
    return row;
  };
}

import { DamagedPictureError } from '../errors.ts';
import type { Picture, Size } from '../picture.ts';
import { checkPixels, type Reading } from '../reading.ts';
import { type ByteReader, byteReader } from './byte-reader.ts';
import { decodeLzw } from './lzw.ts';
import { expandPalette, paletteOf } from './palette.ts';
import { subBlocks } from './sub-blocks.ts';

/** One frame of a GIF, before its pixels are unpacked. */
interface Frame extends Size {
  readonly left: number;
  readonly top: number;
  readonly interlaced: boolean;
  readonly colors: Uint8Array | undefined;
}

const signatureLength = 6;
const extension = 0x21;
const graphicControl = 0xf9;
const image = 0x2c;

/** The first frame of a GIF on its screen, as Pillow paints it: transparent pixels keep their colour. */
export function decodeGif(bytes: Uint8Array, reading: Reading): Picture {
  const file = byteReader(bytes, 'GIF', reading);
  file.position = signatureLength;
  const screen = readScreen(file);
  const transparent = seekFirstFrame(file, reading);
  const frame = readFrame(file);
  const size = screenAround(screen, frame);
  checkSize(size, frame, reading);
  const indices = decodeLzw(file, frame.width * frame.height, reading);
  const painted = paintFrame(indices, frame, size, transparent ?? 0);
  const palette = paletteOf(frame.colors ?? screen.colors);
  return { ...size, data: expandPalette(painted, palette) };
}

interface Screen extends Size {
  readonly colors: Uint8Array | undefined;
}

function readScreen(file: ByteReader): Screen {
  const width = file.uint16();
  const height = file.uint16();
  const flags = file.uint8();
  file.bytes(2); // background colour and pixel aspect, which Pillow ignores here
  return { width, height, colors: readColors(file, flags) };
}

/** The list of colours that the flags announce. */
function readColors(file: ByteReader, flags: number): Uint8Array | undefined {
  return flags & 0x80 ? file.bytes(3 << ((flags & 7) + 1)) : undefined;
}

/** Skips to the first frame; returns the transparent index that was set on the way. */
function seekFirstFrame(file: ByteReader, reading: Reading): number | undefined {
  let transparent: number | undefined;
  for (;;) {
    const block = file.uint8();
    if (block === image) return transparent;
    if (block === extension) transparent = readExtension(file) ?? transparent;
    else if (block !== 0) throw damaged(reading, `no frame, but a block of type ${block}`);
  }
}

function readExtension(file: ByteReader): number | undefined {
  const label = file.uint8();
  const blocks = [...subBlocks(file)];
  const control = blocks[0];
  if (label !== graphicControl || !control || control.length < 4) return undefined;
  return control[0]! & 1 ? control[3] : undefined;
}

function readFrame(file: ByteReader): Frame {
  const [left, top, width, height] = [file.uint16(), file.uint16(), file.uint16(), file.uint16()];
  const flags = file.uint8();
  return {
    left,
    top,
    width,
    height,
    interlaced: (flags & 0x40) !== 0,
    colors: readColors(file, flags),
  };
}

/** A frame that hangs over the screen makes it larger. */
function screenAround(screen: Size, frame: Frame): Size {
  return {
    width: Math.max(screen.width, frame.left + frame.width),
    height: Math.max(screen.height, frame.top + frame.height),
  };
}

function checkSize(size: Size, frame: Frame, reading: Reading): void {
  if (frame.width === 0 || frame.height === 0) {
    throw damaged(reading, `its first frame is ${frame.width} × ${frame.height}`);
  }
  checkPixels(reading, size.width, size.height);
}

function paintFrame(indices: Uint8Array, frame: Frame, screen: Size, around: number): Uint8Array {
  const painted = new Uint8Array(screen.width * screen.height).fill(around);
  const rows = frame.interlaced ? interlacedRows(frame.height) : undefined;
  for (let stored = 0; stored < frame.height; stored++) {
    const y = frame.top + (rows?.[stored] ?? stored);
    const row = indices.subarray(stored * frame.width, (stored + 1) * frame.width);
    painted.set(row, y * screen.width + frame.left);
  }
  return painted;
}

/** Where each stored row belongs: every eighth, those between, then every fourth, every second. */
function interlacedRows(height: number): number[] {
  const rows: number[] = [];
  for (const [first, step] of [
    [0, 8],
    [4, 8],
    [2, 4],
    [1, 2],
  ] as const) {
    for (let row = first; row < height; row += step) rows.push(row);
  }
  return rows;
}

function damaged(reading: Reading, problem: string): DamagedPictureError {
  return new DamagedPictureError(reading.name, 'GIF', problem);
}

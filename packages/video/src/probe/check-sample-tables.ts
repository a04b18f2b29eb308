import { DamagedVideoError } from '../errors.ts';
import { checkLimit, type Reading } from '../reading.ts';
import type { ByteAccess } from '../source/byte-access.ts';

/** A box of ISO media: a type of four letters, and content. */
interface Box {
  readonly type: string;
  readonly content: DataView;
}

/** Boxes that lead to the tables. */
const folders = new Set(['moov', 'trak', 'mdia', 'minf', 'stbl', 'moof', 'traf']);

/** Tables of an hour take about a megabyte. */
const largestHeader = 256 * 1024 * 1024;

/**
 * Refuses MP4 and QuickTime files that claim more frames than `limits.frames`. A few bytes can claim
 * four thousand million, and whoever builds an index from them runs out of memory. Other containers
 * hold a record for each frame.
 *
 * @throws VideoLimitError, or DamagedVideoError where a header cannot be one.
 */
export async function checkSampleTables(bytes: ByteAccess, reading: Reading): Promise<void> {
  let hasIndex = false;
  for (let at = 0; at + 8 <= bytes.size; ) {
    const box = await boxAt(bytes, at);
    if (box.end <= at) break; // no box: the demuxer will say so
    if (folders.has(box.type)) checkBox(await readBox(box, bytes, reading), reading);
    hasIndex ||= box.type === 'moov';
    at = box.end;
  }
  if (hasIndex) return;
  const problem = 'it has no index. It breaks off before it, or its recording never ended';
  throw new DamagedVideoError(reading.name, problem);
}

/** Where a box's content lies in the file. */
interface BoxPlace {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

async function readBox(
  { type, start, end }: BoxPlace,
  bytes: ByteAccess,
  { name }: Reading,
): Promise<Box> {
  if (type === 'moov' && end > bytes.size) {
    const problem = `its index should end at byte ${end}, but the file ends at ${bytes.size}`;
    throw new DamagedVideoError(name, problem);
  }
  if (end - start > largestHeader) {
    throw new DamagedVideoError(name, `its index claims to have ${end - start} bytes`);
  }
  return { type, content: viewOf(await bytes.read(start, end)) };
}

async function boxAt(bytes: ByteAccess, at: number): Promise<BoxPlace> {
  const header = viewOf(await bytes.read(at, at + 16));
  const size = header.getUint32(0);
  const type = typeAt(header, 4);
  if (size === 0) return { type, start: at + 8, end: bytes.size };
  if (size === 1 && header.byteLength >= 16) {
    return { type, start: at + 16, end: at + Number(header.getBigUint64(8)) };
  }
  return { type, start: at + 8, end: at + size };
}

function checkBox({ type, content }: Box, reading: Reading): void {
  if (type === 'mdia' && handlerOf(content) !== 'vide') return;
  if (folders.has(type)) {
    for (const inner of boxesIn(content)) checkBox(inner, reading);
  } else {
    checkLimit(reading, 'frames', framesClaimed({ type, content }));
  }
}

function* boxesIn(view: DataView): Generator<Box> {
  for (let at = 0; at + 8 <= view.byteLength; ) {
    const size = view.getUint32(at);
    const length = size === 0 ? view.byteLength - at : size;
    if (length < 8) return;
    const end = Math.min(at + length, view.byteLength);
    const content = new DataView(view.buffer, view.byteOffset + at + 8, end - at - 8);
    yield { type: typeAt(view, at + 4), content };
    at += length;
  }
}

/** `vide` for video, `soun` for sound: sound may rightly have a sample for every 48,000th of a second. */
function handlerOf(media: DataView): string | undefined {
  for (const { type, content } of boxesIn(media)) {
    if (type === 'hdlr' && content.byteLength >= 12) return typeAt(content, 8);
  }
  return undefined;
}

function framesClaimed({ type, content }: Box): number {
  // Times and time offsets: entries of (count, value). Fragments: the count alone.
  if (type === 'stts' || type === 'ctts') return sumOfCounts(content);
  if (type === 'trun' && content.byteLength >= 8) return content.getUint32(4);
  return 0;
}

function sumOfCounts(table: DataView): number {
  let sum = 0;
  for (let at = 8; at + 8 <= table.byteLength; at += 8) sum += table.getUint32(at);
  return sum;
}

function typeAt(view: DataView, at: number): string {
  return String.fromCharCode(...Array.from({ length: 4 }, (_, i) => view.getUint8(at + i)));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

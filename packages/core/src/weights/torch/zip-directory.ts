import { CheckpointError, quoted } from '../errors.ts';
import type { CheckpointLimits } from '../limits.ts';
import type { RandomAccessFile } from '../random-access-file.ts';
import type { FileRange } from '../weight-source.ts';
import { ByteCursor } from './byte-cursor.ts';

// Layouts and signatures: PKWARE APPNOTE.TXT 6.3.10, §4.3.
const LOCAL_HEADER = { signature: 0x04034b50, bytes: 30 };
const CENTRAL_HEADER = { signature: 0x02014b50, bytes: 46 };
const END = { signature: 0x06054b50, bytes: 22 };
const END64_LOCATOR = { signature: 0x07064b50, bytes: 20 };
const END64 = { signature: 0x06064b50, bytes: 56 };
const MAX_COMMENT_BYTES = 0xffff;
const ZIP64_FIELD = 0x0001;
/** Stands in a 32-bit field whose value is in the ZIP64 field. */
const IN_ZIP64 = 0xffffffff;
const ENCRYPTED = 0x0001;

const RESAVE =
  'PyTorch itself only stores; open it in PyTorch and save its state_dict() with torch.save or as safetensors';

/** What the central directory says of one entry, before it is compared with the entry itself. */
interface Listed {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly length: number;
  readonly storedLength: number;
  readonly header: number;
}

/** A listed entry and where the next one begins, or the directory. */
interface Bounded extends Listed {
  readonly next: number;
}

/** The entries of a zip file. Their own headers are read for those only that are asked for. */
export interface ZipDirectory {
  readonly names: Iterable<string>;
  /**
   * Where the bytes of an entry stand; undefined when there is none of this name.
   *
   * @throws CheckpointError when it is not there, or reaches into the next.
   */
  locate(name: string, signal?: AbortSignal): Promise<FileRange | undefined>;
}

interface Directory {
  readonly offset: number;
  readonly length: number;
  readonly entries: number;
}

/**
 * Reads the directory of a zip file and no entry. Only what PyTorch writes is accepted: stored, not
 * compressed nor encrypted, in one part. Checksums are not compared, which would read everything and
 * which PyTorch lets people switch off.
 *
 * @throws CheckpointError
 */
export async function readZipDirectory(
  file: RandomAccessFile,
  limits: CheckpointLimits,
  signal?: AbortSignal,
): Promise<ZipDirectory> {
  const directory = await findDirectory(file, signal);
  checkDirectory(directory, file, limits);
  const bytes = await file.read(directory.offset, directory.length, signal);
  const listed = parseDirectory(new ByteCursor(bytes, file.path), directory.entries, file.path);
  const entries = byName(listed, directory, file);
  return {
    names: entries.keys(),
    locate: async (name, reading) => {
      const entry = entries.get(name);
      return entry && locate(entry, directory, file, reading);
    },
  };
}

function byName(
  listed: readonly Listed[],
  directory: Directory,
  file: RandomAccessFile,
): ReadonlyMap<string, Bounded> {
  const entries = new Map<string, Bounded>();
  const inOrder = listed.toSorted((a, b) => a.header - b.header);
  for (const [index, entry] of inOrder.entries()) {
    checkStored(entry, file.path);
    if (entries.has(entry.name)) {
      throw malformed(`the entry ${quoted(entry.name)} is listed twice`, file);
    }
    entries.set(entry.name, { ...entry, next: inOrder[index + 1]?.header ?? directory.offset });
  }
  return entries;
}

/** The end record is the last thing in the file, but for a comment of a length it states. */
async function findDirectory(file: RandomAccessFile, signal?: AbortSignal): Promise<Directory> {
  const tailLength = Math.min(file.size, END.bytes + MAX_COMMENT_BYTES + END64_LOCATOR.bytes);
  const tail = await file.read(file.size - tailLength, tailLength, signal);
  const view = new DataView(tail.buffer);
  for (let at = tail.length - END.bytes; at >= 0; at--) {
    if (view.getUint32(at, true) !== END.signature) continue;
    if (at + END.bytes + view.getUint16(at + 20, true) !== tail.length) continue;
    return (await findDirectory64(file, view, at, signal)) ?? parseEnd(tail.subarray(at), file);
  }
  throw new CheckpointError('truncated', 'its zip directory is missing. Download it again', {
    file: file.path,
  });
}

function parseEnd(bytes: Uint8Array, file: RandomAccessFile): Directory {
  const cursor = new ByteCursor(bytes, file.path);
  cursor.uint32(); // signature
  checkOnePart(cursor.uint16(), cursor.uint16(), file);
  const entriesHere = cursor.uint16();
  const entries = cursor.uint16();
  checkOnePart(entriesHere, entries, file);
  const length = cursor.uint32();
  return { entries, length, offset: cursor.uint32() };
}

/** Large files have a second end record, found through a locator just before the first. */
async function findDirectory64(
  file: RandomAccessFile,
  tail: DataView,
  endAt: number,
  signal?: AbortSignal,
): Promise<Directory | undefined> {
  const locatorAt = endAt - END64_LOCATOR.bytes;
  if (locatorAt < 0 || tail.getUint32(locatorAt, true) !== END64_LOCATOR.signature) {
    return undefined;
  }
  const offset = Number(tail.getBigUint64(locatorAt + 8, true));
  const cursor = new ByteCursor(await file.read(offset, END64.bytes, signal), file.path);
  if (cursor.uint32() !== END64.signature) {
    throw malformed('its ZIP64 end record is not there', file);
  }
  cursor.bytes(12); // length of this record, versions
  checkOnePart(cursor.uint32(), cursor.uint32(), file);
  const entriesHere = cursor.uint64();
  const entries = cursor.uint64();
  checkOnePart(entriesHere, entries, file);
  const length = cursor.uint64();
  return { entries, length, offset: cursor.uint64() };
}

function checkOnePart(here: number, total: number, file: RandomAccessFile): void {
  if (here !== total) throw malformed('it is one part of a zip in several', file);
}

function checkDirectory(
  { length, entries }: Directory,
  file: RandomAccessFile,
  limits: CheckpointLimits,
): void {
  if (length > limits.headerBytes) {
    throw new CheckpointError(
      'over-limit',
      `its zip directory claims ${length} bytes, the limit headerBytes is ${limits.headerBytes}`,
      { file: file.path },
    );
  }
  if (entries > limits.zipEntries) {
    throw new CheckpointError(
      'over-limit',
      `its zip directory claims ${entries} entries, the limit zipEntries is ${limits.zipEntries}`,
      { file: file.path },
    );
  }
  if (entries * CENTRAL_HEADER.bytes > length) {
    throw malformed(`its zip directory is too short for the ${entries} entries it claims`, file);
  }
}

function parseDirectory(cursor: ByteCursor, entries: number, file: string): Listed[] {
  return Array.from({ length: entries }, () => parseListed(cursor, file));
}

function parseListed(cursor: ByteCursor, file: string): Listed {
  if (cursor.uint32() !== CENTRAL_HEADER.signature) {
    throw malformed('an entry of its zip directory does not begin as one', { path: file });
  }
  cursor.uint32(); // versions
  const flags = cursor.uint16();
  const method = cursor.uint16();
  cursor.bytes(8); // time, date, checksum
  const stored = cursor.uint32();
  const full = cursor.uint32();
  const nameLength = cursor.uint16();
  const extraLength = cursor.uint16();
  const commentLength = cursor.uint16();
  cursor.bytes(8); // part number, attributes
  const header = cursor.uint32();
  const name = cursor.text(nameLength);
  const wide = wideFields(new ByteCursor(cursor.bytes(extraLength), file), extraLength);
  cursor.bytes(commentLength);
  // The ZIP64 field holds only the values that did not fit, in this order.
  const widen = (value: number) => (value === IN_ZIP64 ? (wide?.uint64() ?? value) : value);
  const length = widen(full);
  const storedLength = widen(stored);
  return { name, flags, method, length, storedLength, header: widen(header) };
}

function wideFields(extra: ByteCursor, length: number): ByteCursor | undefined {
  while (extra.position + 4 <= length) {
    const id = extra.uint16();
    const field = extra.bytes(extra.uint16());
    if (id === ZIP64_FIELD) return new ByteCursor(field, 'the ZIP64 field of a zip entry');
  }
  return undefined;
}

function checkStored({ name, flags, method, length, storedLength }: Listed, file: string): void {
  const problem =
    (flags & ENCRYPTED) !== 0
      ? 'encrypted'
      : method !== 0 || length !== storedLength
        ? 'compressed'
        : '';
  if (!problem) return;
  throw new CheckpointError('unsupported', `its entry ${quoted(name)} is ${problem}. ${RESAVE}`, {
    file,
  });
}

/** Where the bytes of an entry stand: after its own header, whose length only it knows. */
async function locate(
  entry: Bounded,
  directory: Directory,
  file: RandomAccessFile,
  signal?: AbortSignal,
): Promise<FileRange> {
  const nameLength = new TextEncoder().encode(entry.name).length;
  const cursor = new ByteCursor(
    await file.read(entry.header, LOCAL_HEADER.bytes + nameLength, signal),
    file.path,
  );
  const signature = cursor.uint32();
  cursor.bytes(22); // version, flags, method, time, date, checksum, lengths: the directory's count
  const sameLength = cursor.uint16() === nameLength;
  const extraLength = cursor.uint16();
  if (
    signature !== LOCAL_HEADER.signature ||
    !sameLength ||
    cursor.text(nameLength) !== entry.name
  ) {
    throw malformed(`the entry ${quoted(entry.name)} is not where the zip directory says`, file);
  }
  const offset = entry.header + cursor.position + extraLength;
  if (offset + entry.length > directory.offset) {
    throw malformed(`the entry ${quoted(entry.name)} reaches into the zip directory`, file);
  }
  if (offset + entry.length > entry.next) {
    throw malformed(`the entry ${quoted(entry.name)} overlaps another`, file);
  }
  return { file: file.path, offset, length: entry.length };
}

function malformed(detail: string, file: { readonly path: string }): CheckpointError {
  return new CheckpointError('malformed', detail, { file: file.path });
}

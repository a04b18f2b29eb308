import { TokenizerModelError } from './errors.ts';

/** Protobuf wire types that SentencePiece files use. */
export const VARINT = 0;
const FIXED64 = 1;
export const LENGTH_DELIMITED = 2;
export const FIXED32 = 5;

// A 64-bit number takes at most ten groups of seven bits.
const LONGEST_VARINT = 10;

/** A place in protobuf bytes that moves forward as values are read and never passes `end`. */
export interface WireCursor {
  readonly bytes: Uint8Array;
  readonly end: number;
  offset: number;
}

/** One field's number and wire type; the value follows at the cursor. */
export interface WireTag {
  readonly field: number;
  readonly wireType: number;
  /** Where the tag began, for messages. */
  readonly offset: number;
}

/** What is being read, for messages; a function is asked only when there is one to write. */
export type Named = string | (() => string);

/** A cursor on all of `bytes`. */
export function openWire(bytes: Uint8Array): WireCursor {
  return { bytes, end: bytes.length, offset: 0 };
}

/** Reads what comes before every value. */
export function readTag(cursor: WireCursor): WireTag {
  const offset = cursor.offset;
  const value = readVarint(cursor);
  const field = Math.floor(value / 8);
  // Protobuf field numbers have 29 bits.
  if (field < 1 || field > 0x1fffffff) {
    throw new TokenizerModelError('malformed', `Reading a field: its number is ${field}`, offset);
  }
  return { field, wireType: value % 8, offset };
}

/** Reads a signed 32-bit value; negative ones are stored as ten bytes. */
export function readInt32(cursor: WireCursor, tag: WireTag, what: Named): number {
  expectWireType(tag, VARINT, what);
  return readLongVarint(cursor).low;
}

/** Any number but 0 is true. */
export function readBoolean(cursor: WireCursor, tag: WireTag, what: Named): boolean {
  expectWireType(tag, VARINT, what);
  return readVarint(cursor) !== 0;
}

/** Reads four bytes, lowest first. */
export function readFloat32(cursor: WireCursor, tag: WireTag, what: Named): number {
  expectWireType(tag, FIXED32, what);
  const offset = advance(cursor, 4, what);
  for (let at = 0; at < 4; at++) fourBytes.setUint8(at, cursor.bytes[offset + at]!);
  return fourBytes.getFloat32(0, true);
}

const fourBytes = new DataView(new ArrayBuffer(4));

/** Steps over a length-delimited value and returns a cursor on what is inside it. */
export function readMessage(cursor: WireCursor, tag: WireTag, what: Named): WireCursor {
  expectWireType(tag, LENGTH_DELIMITED, what);
  const length = readVarint(cursor);
  const offset = advance(cursor, length, what);
  return { bytes: cursor.bytes, end: offset + length, offset };
}

/** The bytes of a length-delimited value: a view, not a copy. */
export function readBytes(cursor: WireCursor, tag: WireTag, what: Named): Uint8Array {
  const { bytes, offset, end } = readMessage(cursor, tag, what);
  return bytes.subarray(offset, end);
}

/** Steps over a field this reader has no use for. */
export function skipField(cursor: WireCursor, tag: WireTag): void {
  const name = `field ${tag.field}`;
  if (tag.wireType === VARINT) readVarint(cursor);
  else if (tag.wireType === FIXED64) advance(cursor, 8, name);
  else if (tag.wireType === LENGTH_DELIMITED) readMessage(cursor, tag, name);
  else if (tag.wireType === FIXED32) advance(cursor, 4, name);
  else {
    const message = `Skipping ${name}: wire type ${tag.wireType} does not occur in SentencePiece files`;
    throw new TokenizerModelError('malformed', message, tag.offset);
  }
}

/** Exact up to 2^53: more is absurd for a length. Most numbers are a single byte. */
function readVarint(cursor: WireCursor): number {
  const first = cursor.bytes[cursor.offset]!;
  if (first >= 0x80 || cursor.offset >= cursor.end) return readLongVarint(cursor).value;
  cursor.offset += 1;
  return first;
}

/** `low` holds the lowest 32 bits, signed. */
function readLongVarint(cursor: WireCursor): { value: number; low: number } {
  const start = cursor.offset;
  let value = 0;
  let low = 0;
  for (let group = 0; group < LONGEST_VARINT; group++) {
    const byte = cursor.bytes[advance(cursor, 1, 'a number')]!;
    value += (byte & 0x7f) * 2 ** (7 * group);
    if (group < 5) low |= (byte & 0x7f) << (7 * group);
    if (byte < 0x80) return { value, low };
  }
  const message = `Reading a number: it does not end within ${LONGEST_VARINT} bytes`;
  throw new TokenizerModelError('malformed', message, start);
}

/** Moves past `length` bytes and returns where they began. */
function advance(cursor: WireCursor, length: number, what: Named): number {
  const left = cursor.end - cursor.offset;
  if (length > left) {
    const message = `Reading ${nameOf(what)}: it needs ${length} bytes and ${left} are left; download the file again`;
    throw new TokenizerModelError('truncated', message, cursor.offset);
  }
  const start = cursor.offset;
  cursor.offset += length;
  return start;
}

function expectWireType(tag: WireTag, wanted: number, what: Named): void {
  if (tag.wireType === wanted) return;
  const message = `Reading ${nameOf(what)}: its wire type is ${tag.wireType} where ${wanted} is expected`;
  throw new TokenizerModelError('malformed', message, tag.offset);
}

function nameOf(what: Named): string {
  return typeof what === 'string' ? what : what();
}

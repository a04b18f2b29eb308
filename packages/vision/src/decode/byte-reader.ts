import { DamagedPictureError } from '../errors.ts';
import type { Reading } from '../reading.ts';

/** Reads little-endian numbers one after the other; past the end is a `DamagedPictureError`. */
export interface ByteReader {
  position: number;
  uint8(): number;
  uint16(): number;
  uint32(): number;
  int32(): number;
  bytes(length: number): Uint8Array;
}

/** @param format how errors call the file. */
export function byteReader(data: Uint8Array, format: string, reading: Reading): ByteReader {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const advance = (length: number): number => {
    const at = reader.position;
    if (at + length > data.length) {
      throw new DamagedPictureError(
        reading.name,
        format,
        `it breaks off: byte ${at + length} is needed, and it has ${data.length}`,
      );
    }
    reader.position = at + length;
    return at;
  };
  const reader: ByteReader = {
    position: 0,
    uint8: () => view.getUint8(advance(1)),
    uint16: () => view.getUint16(advance(2), true),
    uint32: () => view.getUint32(advance(4), true),
    int32: () => view.getInt32(advance(4), true),
    bytes(length) {
      const at = advance(length);
      return data.subarray(at, at + length);
    },
  };
  return reader;
}

import type { ByteReader } from './byte-reader.ts';

/** The blocks of up to 255 bytes that GIF cuts its data into, until an empty one. */
export function* subBlocks(file: ByteReader): Generator<Uint8Array, void> {
  for (let length = file.uint8(); length > 0; length = file.uint8()) yield file.bytes(length);
}

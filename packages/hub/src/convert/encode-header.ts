import { type StoredDType, safetensorsName } from '@lingbi/core';

export interface HeaderEntry {
  readonly name: string;
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  /** In bytes from the end of the header. */
  readonly start: number;
  readonly length: number;
}

/** The length in 8 bytes, then JSON, filled up with spaces so that the data begins aligned. */
export function encodeHeader(entries: readonly HeaderEntry[], alignment: number): Uint8Array {
  const json = JSON.stringify(
    Object.fromEntries([
      ['__metadata__', { format: 'lingbi' }],
      ...entries.map(({ name, dtype, shape, start, length }) => [
        name,
        { dtype: safetensorsName(dtype), shape, data_offsets: [start, start + length] },
      ]),
    ]),
  );
  const text = new TextEncoder().encode(json);
  const whole = Math.ceil((8 + text.length) / alignment) * alignment;
  const header = new Uint8Array(whole).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(whole - 8), true);
  header.set(text, 8);
  return header;
}
